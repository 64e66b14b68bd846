"""The generated page of all keys of the site file: what the models accept, and what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from layout import page, seconds, table
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controllers.evcharging.section import ChargerSection, HouseSection
from controllers.policy.parameters import PARAMETERS
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, PolicySection
from exporter.config import InfluxSection, WebSection
from sunhelm.configuration.validation import Section
from sunhelm.devices.sections import Account, Control, DeviceSection, ExportRange, Location, SiteSection
from sunhelm.devices.tariffs import Rate, Tariff

MEANINGS: Final = Path(__file__).with_suffix(".yaml")
SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "site": SiteSection,
    "site.location": Location,
    "devices.NAME": DeviceSection,
    "devices.NAME.control": Control,
    "devices.NAME.export_limit": ExportRange,
    "devices.NAME.tariff": Tariff,
    "devices.NAME.tariff.import[]": Rate,
    "accounts.NAME": Account,
    "web": WebSection,
    "influxdb": InfluxSection,
    "alertmanager": AlertmanagerSection,
    "alertmanager.heartbeat": HeartbeatSection,
    "policies.NAME": PolicySection,
    "evcharging.NAME": ChargerSection,
    "evcharging.NAME.house": HouseSection,
}
"""Where each model is found in the file."""


class Undocumented(Exception):
    """A key without its meaning, or a meaning without its key."""


def site_file_page() -> str:
    """Return the page. Raises Undocumented."""
    told: dict[str, dict[str, Any]] = yaml.safe_load(MEANINGS.read_text(encoding="utf-8"))
    sections = {each for each in Section.__subclasses__() if each.__name__.endswith("Section")}
    if untold := sections - set(SECTIONS.values()):
        raise Undocumented(", ".join(each.__name__ for each in untold))
    if set(told) != set(SECTIONS):
        raise Undocumented(f"{MEANINGS.name}: {', '.join(sorted(set(told) ^ set(SECTIONS)))}")
    return page(
        "The site file",
        "One YAML file says what there is and what may be done; every program reads it, by default "
        "`sunhelm.yml` in the directory where it is started. `sunhelm check` lists all mistakes at once, "
        "each with its place. A key that is not listed here is a mistake.",
        "An amount has its unit: `12kW`, `500ms`, `80%`; a bare number is refused. Powers are in W or kW, "
        "energies in Wh or kWh, times in ms, s, m, h or d. A file is looked for beside the site file. With "
        "`--config.expand-environment-variables`, `${NAME}` in a value stands for a variable of the "
        "environment, and `$$` for a dollar sign.",
        *(section for place, model in SECTIONS.items() for section in _section(place, model, told[place])),
        "## groups",
        "Names of devices that policies command together: `groups: {plant: [roof, barn]}`. See "
        "[the controller](../control/controller.md).",
        "## Parameters of a policy",
        "What stands under `with`, by the action.",
        table(
            ("Action", "Parameters"),
            (
                (f"`{action}`", " ".join(f"`{_key(*each)}`" for each in model.model_fields.items()))
                for action, model in PARAMETERS.items()
            ),
        ),
        "`limit` is a power or a share of the rated power, `power` a power, `charge` and `discharge` of "
        "`set_current_limits` currents, `minimum` and `maximum` states of charge. The tasks take what the "
        "[commands](../control/commands.md) of the same names take.",
    )


def _section(place: str, model: type[BaseModel], told: Mapping[str, Any]) -> Iterator[str]:
    keys = {_key(*each): each[1] for each in model.model_fields.items()}
    texts: Mapping[str, str] = told["keys"]
    if set(texts) != set(keys):
        raise Undocumented(f"{MEANINGS.name}: {place}: {', '.join(sorted(set(texts) ^ set(keys)))}")
    yield f"## {place.replace('[]', ' as a table')}"
    yield told["is"]
    defaults: Mapping[str, str] = told.get("defaults", {})
    yield table(
        ("Key", "Meaning", "Default"),
        (
            (f"`{key}`", texts[key], f"`{defaults[key]}`" if key in defaults else _default(field))
            for key, field in keys.items()
        ),
    )


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _default(field: FieldInfo) -> str:
    """Return what holds when the key is left out; numbers are times but where `defaults` says otherwise."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, float):
        return f"`{seconds(value).replace(' min', 'm').replace(' ', '')}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
