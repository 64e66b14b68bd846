"""The generated pages from which others are found: of devices, and of alerts."""

from __future__ import annotations

from pathlib import Path

import yaml
from layout import page, table, toctree

from sunhelm.devices.families import FAMILIES, load_family
from sunhelm.devices.families.spec import FamilySpec

DOCS = Path(__file__).parent


def devices_page() -> str:
    """Return the page of all families."""
    before = {path.stem: _title(path) for path in sorted((DOCS / "how-to").glob("*.md"))}
    return page(
        "Devices",
        "A family is what the site file calls `family`: devices that are read and commanded in the same way. "
        "*Before you start* says what to do at the device, and what to know of it; *all that is read* lists "
        "every metric, every setting, every command and what is not settled. [What can be commanded]"
        "(reference/commands.md) shows all families beside each other.",
        table(
            ("Family", "Devices", "Links", "Clients", "Before you start", "All that is read"),
            (
                (
                    f"`{name}`",
                    spec.title,
                    " ".join(f"`{link}`" for link in spec.links if link != "none"),
                    _clients(spec),
                    f"[{before[name]}](how-to/{name}.md)" if name in before else "",
                    f"[`{name}`](reference/families/{name}.md)",
                )
                for name, spec in ((name, load_family(name).spec) for name in FAMILIES)
            ),
        ),
        "Where a device takes one client at a time, another program that speaks to it disturbs the readings "
        "of both. Let Sunhelm be that client.",
        toctree(f"{title} <how-to/{name}>" for name, title in before.items()),
    )


def families_page() -> str:
    """Return the page above those that list all that is read."""
    return page(
        "All that is read and commanded",
        "A page a family, made of the data by which the devices are read.",
        table(
            ("Family", "Devices", "Models"),
            (
                (f"[`{name}`](families/{name}.md)", spec.title, ", ".join(spec.models))
                for name, spec in ((name, load_family(name).spec) for name in FAMILIES)
            ),
        ),
        toctree(f"families/{name}" for name in FAMILIES),
    )


def alerts_page() -> str:
    """Return the page of all alerts, by the file that has their rules."""
    rules = {
        path.name: [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
        for path in sorted((DOCS.parent / "alerts").glob("*.yml"))
    }
    alerts = {name: [rule for rule in each if "alert" in rule] for name, each in rules.items()}
    return page(
        "Alerts and their runbooks",
        "Each alert has a page with what to look at first, likely causes, and what to do. The rules are in "
        "`alerts/`; each is tested, firing and not firing.",
        *(
            section
            for name, listed in alerts.items()
            if listed
            for section in (
                f"## {name}",
                table(
                    ("Alert", "Severity", "What it says", "For"),
                    (
                        (
                            f"[{rule['alert']}](../runbooks/{rule['alert']}.md)",
                            rule["labels"]["severity"],
                            " ".join(rule["annotations"]["summary"].split()),
                            rule.get("for", "").removeprefix("0s"),
                        )
                        for rule in listed
                    ),
                ),
            )
        ),
        toctree(sorted(f"../runbooks/{rule['alert']}" for listed in alerts.values() for rule in listed)),
    )


def _title(path: Path) -> str:
    heading = path.read_text(encoding="utf-8").partition("\n")[0]
    return heading.removeprefix("# ").removesuffix(": before you start")


def _clients(spec: FamilySpec) -> str:
    if "none" in spec.links:
        return ""
    return "several" if spec.connection == "shared" else "one at a time"
