"""Write the pages of `docs` that are made of the data: of families, quantities, commands, alerts.

`--check` writes nothing; it names the pages that are not what the data say, and ends with status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import yaml
from control import api_page, commands_page
from controller_metrics import controller_page
from layout import NOTICE, PROOF, RUNG, page, seconds, table
from overview import alerts_page, devices_page, families_page
from programs import command_line_page
from site_file import site_file_page

from sunhelm.devices.families import FAMILIES, Family, RegisterFamily, load_family
from sunhelm.devices.families.spec import FamilySpec, Part, Writable
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.registers.figures import Share
from sunhelm.devices.registers.register import NEVER_READ, Register, RegisterMap

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
STORAGE = {
    "volatile": "lost when the device restarts",
    "persistent": "kept; each write wears the memory",
    "unknown": "unknown",
    "": "unknown",
}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated page with its text."""
    yield DOCS / "devices.md", devices_page()
    yield REFERENCE / "alerts.md", alerts_page()
    yield REFERENCE / "families.md", families_page()
    yield REFERENCE / "metrics.md", metrics_page()
    for name in FAMILIES:
        yield REFERENCE / "families" / f"{name}.md", family_page(load_family(name))
    yield REFERENCE / "commands.md", commands_page()
    yield REFERENCE / "api.md", api_page()
    yield REFERENCE / "controller.md", controller_page()
    yield REFERENCE / "command-line.md", command_line_page()
    yield REFERENCE / "site-file.md", site_file_page()


def metrics_page() -> str:
    """Return the page of all canonical quantities."""
    return page(
        "Metrics",
        "What can be measured, the same whatever device tells it. Units are base units, energies "
        "counters in joules; signs are those of a source into the house, so that pv + grid + battery "
        "= load. What a device offers beyond these is exported as `solar_<family>_<name>_<unit>`; the"
        " pages of the families list it.",
        "Labels are those of sub-devices; `device`, `site` and `family` come from `/sd`.",
        table(
            ("Metric", "Kind", "Labels", "Meaning"),
            (
                (f"`{quantity.metric}`", quantity.kind, _labels(quantity), _meaning(quantity))
                for quantity in CATALOGUE.values()
            ),
        ),
    )


def family_page(family: Family) -> str:
    """Return the page of one family."""
    before = DOCS / "how-to" / f"{family.name}.md"
    introduction = f"Family `{family.name}`."
    if before.exists():
        introduction += f" Read [Before you start](../../how-to/{before.name}) first."
    return page(
        family.spec.title,
        introduction,
        _settings(family.spec),
        *(_register_sections(family) if isinstance(family, RegisterFamily) else _offers(family)),
        *_controls(family.spec),
        *_listed("## What is not settled", family.spec.unsettled),
    )


def _offers(family: Family) -> Iterator[str]:
    """Yield what a family of code says that it brings."""
    yield "## What is read"
    yield table(
        ("Metric", "Labels", "Group", "Meaning"),
        (
            (f"`{quantity.metric}`", _labels(quantity), group, _meaning(quantity))
            for group, quantities in family.offers.items()
            for quantity in quantities
        ),
    )


def _register_sections(family: RegisterFamily) -> Iterator[str]:
    """Yield what the maps of a family say."""
    maps = [(part, family.map_of(part)) for part in family.spec.parts]
    yield "## Parts and samples"
    chain = family.spec.chain
    if chain:
        yield (
            f'At each unit id, "{chain.mark}" is looked for at the addresses '
            f"{', '.join(map(str, chain.bases))}; the chain of models behind it is walked, and those that no "
            "part has are passed over. Addresses below count from the id of the model. Of registers that "
            "repeat, the first are listed, and counted."
        )
    yield (
        "A device has those of these parts that answer. The unit ids are tried in this order; `units` in the "
        "site file replaces them. Samples are those of one part, with the profile `core` and `full`, when "
        "the device has all of its registers."
    )
    yield table(
        (
            "Part",
            *(("Models", "When") if chain else ()),
            "Unit ids",
            "Label",
            "Samples, core",
            "Samples, full",
        ),
        (
            (
                part.name + " (required)" * part.required,
                *((" ".join(map(str, part.models)), _condition(part)) if chain else ()),
                " ".join(map(str, part.units)) or "to be configured",
                f"`{part.label}`" if part.label else "",
                str(_count(registers, "core")),
                str(_count(registers, "core") + _count(registers, "full")),
            )
            for part, registers in maps
        ),
    )
    yield from _derived(family.spec)
    yield "## What is read"
    for part, registers in maps:
        yield from _read_section(part, registers)
    yield from _listed("## What is left out while another register reads 0", _companions(family.spec))
    yield "## What can be set"
    yield (
        "The exporter never writes. These are the registers that the device lets a client set, what becomes "
        "of the value, and its limits in the device's own unit."
    )
    yield table(
        ("Part", "Register", "Name", "Storage", "Limits", "Unit", "Note"),
        (
            (
                part.name,
                f"{each.address}",
                _named(each),
                STORAGE[each.storage],
                _limits(each),
                each.unit,
                each.note,
            )
            for part, registers in maps
            for each in registers.registers
            if each.access != "r"
        ),
    )
    yield from _listed("## What is not exported", _not_exported(family.name))


def _condition(part: Part) -> str:
    """Return when the models of a chain are this part."""
    only_one = ["there is one of them"] if part.sole else []
    without = [f"there is no {' or '.join(part.instead_of)}"] if part.instead_of else []
    return " and ".join(only_one + without)


def _controls(spec: FamilySpec) -> Iterator[str]:
    """Yield what can be commanded, and what is promised of it."""
    everything = {**spec.controls, **spec.tasks}
    if not everything:
        return
    yield "## What can be commanded"
    yield (
        "Only by a process that controls, and only where the site file says `control: {enabled: true}`. Who "
        "may ask: a policy (automatic), a policy where the owner allows that action on that device (opt-in), "
        "a person who confirms it (person)."
    )
    yield table(
        ("Name", "What it is", "Actions", "Who may ask", "When the controller dies", "Proof", "Range"),
        (
            (
                f"`{key}`",
                each.title,
                " ".join(f"`{action}`" for action in each.actions),
                ", ".join((each.hazard, *(f"`{value}`: {who}" for value, who in each.hazards.items()))),
                _when_it_dies(each),
                PROOF[each.proof],
                "" if each.low is each.high is None else f"{_limit(each.low)} to {_limit(each.high)}",
            )
            for key, each in everything.items()
        ),
    )
    yield from _listed(
        "## What to know before commanding it",
        (f"`{key}`: {each.doubts}" for key, each in everything.items() if each.doubts),
    )
    hazards = {
        hazard: [f"`{place}`" for place, who in spec.setting_hazards.items() if who == hazard]
        for hazard in ("person", "never")
    }
    if spec.parts:
        never = ", ".join((*hazards["never"], "triggers"))
        yield (
            "Every other writable number is a setting, `setting:PART.NAME`, and opt-in, but for these. Only "
            f"by a person: {', '.join(hazards['person'])}. Never: {never}."
        )


def _when_it_dies(writable: Writable) -> str:
    lets_go = f"; its set points are let go after {seconds(writable.reverts)}" if writable.reverts else ""
    renewed = f"; written again every {seconds(writable.renew)}" if writable.renew else ""
    return RUNG[writable.rung] + lets_go + renewed


def _companions(spec: FamilySpec) -> Iterator[str]:
    for part in spec.parts:
        for companion, names in part.companions.items():
            yield f"{part.name} `{companion}`: " + ", ".join(f"`{name}`" for name in names)


def _clients(spec: FamilySpec) -> str:
    return "several at a time" if spec.connection == "shared" else "one at a time"


def _settings(spec: FamilySpec) -> str:
    pacing = spec.pacing
    holes = "may be read over" if spec.read.holes == "readable" else "spoil a request"
    request = f"{spec.read.words}; registers that are not listed {holes}" if spec.parts else ""
    if spec.read.pages:
        request = f"{spec.read.words}, a whole page at a time"
    links = [f"`{kind}` {port}" for kind, port in spec.links.items() if kind != "none"]
    rows = [
        ("Vendor", spec.vendor),
        ("Links, default ports", ", ".join(links)),
        ("Models", ", ".join(spec.models)),
        ("Clients", _clients(spec) if links else ""),
        ("Registers a request", request),
        ("Pause between requests", seconds(pacing.pause) if pacing.pause else ""),
        *((f"Least time between requests `{kind}`", seconds(time)) for kind, time in pacing.between.items()),
        ("Longest wait for an answer", seconds(pacing.timeout) if links else ""),
        ("The device renews its values", f"every {seconds(spec.refresh)}"),
        ("A read takes at most", seconds(spec.deadline)),
        (
            "Recommended scrape",
            f"every {seconds(spec.scrape.interval)}, within {seconds(spec.scrape.timeout)}",
        ),
        *(
            (f"Group `{group}`", f"every {seconds(period)}" if period else "every scrape")
            for group, period in spec.tiers.items()
        ),
    ]
    return table(("Property", "Value"), (row for row in rows if row[1]))


def _derived(spec: FamilySpec) -> Iterator[str]:
    rows = [
        (
            f"`{CATALOGUE[each.quantity].metric}`",
            part.name + f" (without {' and '.join(each.instead_of)})" * bool(each.instead_of),
            " + ".join(f"`{name}`" for name in each.sum),
        )
        for part in spec.parts
        for each in part.derived
    ]
    if rows:
        yield "## What is computed"
        yield (
            "Totals that the device does not tell: the sum of these registers, only when every one of them "
            "was read. Of two for the same metric, the first that can be summed counts."
        )
        yield table(("Metric", "Part", "Sum of"), rows)


def _read_section(part: Part, registers: RegisterMap) -> Iterator[str]:
    rows = [
        (f"`{quantity.metric}`", *_where(part, each), each.group, each.profile, each.vendor, each.note)
        for each in registers.registers
        if _is_read(each)
        for quantity in (each.quantity, each.code)
        if quantity is not None
    ]
    if rows:
        yield f"### {part.name}"
        yield table(("Metric", "Labels", "Register", "Group", "Profile", "Vendor's name", "Note"), rows)


def _where(part: Part, register: Register) -> tuple[str, str]:
    labels = [f"`{part.label}`"] if part.label else []
    labels += [f'`{name}="{value}"`' for name, value in register.labels.items()]
    return " ".join(labels), f"{register.table} {register.address} `{register.type.name}`"


def _is_read(register: Register) -> bool:
    return register.group != NEVER_READ and register.access != "w"


def _count(registers: RegisterMap, profile: str) -> int:
    """Return how many samples the registers bring; one that stands in for another brings none."""
    return sum(
        _samples(each)
        for each in registers.registers
        if _is_read(each) and each.profile == profile and not each.instead_of
    )


def _samples(register: Register) -> int:
    count = int(register.code is not None)
    if register.quantity is not None:
        count += len(register.names) if register.quantity.kind == "state" else 1
    return count


def _not_exported(family: str) -> Iterator[str]:
    """Yield what `not_exported.yaml` of the family lists: by map, registers and why no metric shows them."""
    file = files("sunhelm.devices.families").joinpath(family, "not_exported.yaml")
    if file.is_file():
        for name, reasons in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            for register, reason in reasons.items():
                yield f"{name.removesuffix('.csv')} `{register}`: {reason}"


def _named(register: Register) -> str:
    return f"`{register.name}`" + f" ({register.vendor})" * bool(register.vendor)


def _limits(register: Register) -> str:
    if register.names:
        return ", ".join(f"{code} {name}" for code, name in register.names.items())
    if register.minimum is None and register.maximum is None:
        return ""
    return f"{_limit(register.minimum)} to {_limit(register.maximum)}"


def _limit(value: float | Share | None) -> str:
    if value is None:
        return "…"
    return str(value) if isinstance(value, Share) else f"{value:g}"


def _labels(quantity: Quantity) -> str:
    return " ".join(f"`{label}`" for label in quantity.labels)


def _meaning(quantity: Quantity) -> str:
    return f"{quantity.help} {quantity.sign.capitalize()}." if quantity.sign else quantity.help


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    text = "\n".join(f"- {line}" for line in lines)
    if text:
        yield title
        yield text


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only name the pages that are not current")
    check = parser.parse_args().check
    current = dict(pages())
    stale = [path for path, text in current.items() if not path.exists() or path.read_text() != text]
    left = [path for path in DOCS.rglob("*.md") if path not in current and NOTICE in path.read_text()]
    for path in stale + left:
        if check:
            print(f"{path.relative_to(DOCS.parent)} is not what the data say; `make docs` writes it anew")
        elif path in current:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(current[path])
        else:
            path.unlink()
    return int(check and bool(stale or left))


if __name__ == "__main__":
    sys.exit(main())
