"""InfluxQL of the dashboards: what the exporter writes to InfluxDB, asked by the dashboards' variables.

The measurement is `solar`, the tags are site, device, family, group and what tells the parts of a device; a
field is called as the metric without `solar_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import Series, empty_board

DATASOURCE: Final = look.DataSourceRef(type_val="influxdb", uid="${datasource}")
"""The data source that the dashboard's variable names."""

Part = Literal["all", "in", "out"]
"""All of a power, only what comes into the house, or only what leaves it (as a positive number)."""

Power = Literal["pv", "battery", "grid", "load"]

_PARTS: Final[Mapping[Part, str]] = {
    "all": '"{field}"',
    "in": '(abs("{field}") + "{field}") / 2',
    "out": '(abs("{field}") - "{field}") / 2',
}
_MEASUREMENT: Final = '"solar"'
_SUM: Final = 'sum("value")'
_BY_TIME: Final = "time($__interval)"
_BY_DAY: Final = "time(1d)"
_ZONE: Final = "tz('$zone')"


@dataclass(frozen=True, slots=True)
class _Query(Dataquery):
    content: Mapping[str, object]

    def to_json(self) -> Mapping[str, object]:
        """Return it as Grafana keeps it."""
        return self.content


@dataclass(frozen=True, slots=True)
class _Asked(Builder[Dataquery]):
    query: _Query

    def build(self) -> Dataquery:
        return self.query


class InfluxSeries(Series):
    """One InfluxQL query and the name of what it returns; a name may hold tags, as in "$tag_device"."""

    __slots__ = ()

    datasource: ClassVar[look.DataSourceRef] = DATASOURCE

    def asked(self, letter: str, *, now: bool, rows: bool) -> Builder[Dataquery]:
        """Return the query as the data source takes it; what holds now, it takes from the panel's time."""
        del now
        content = {
            "refId": letter,
            "datasource": self.datasource,
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "table" if rows else "time_series",
            "alias": self.name,
        }
        return _Asked(_Query(content))


def influx_board(title: str, uid: str, text: str) -> dashboard.Dashboard:
    """Return a dashboard without panels, with the variables that these queries ask for."""
    devices = """SHOW TAG VALUES FROM "solar" WITH KEY = "device" WHERE "site" =~ /^$site$/"""
    return (
        empty_board(title, uid, text)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("influxdb"))
        .with_variable(_values("site", "Site", 'SHOW TAG VALUES FROM "solar" WITH KEY = "site"'))
        .with_variable(
            _values("device", "Devices", devices)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
        .with_variable(
            _values("grid_meter", "Grid meter", devices).description(
                "The device whose grid and loads count, as `grid_meter` in the site file."
            )
        )
        .with_variable(
            dashboard.TextBoxVariable("zone")
            .label("Time zone")
            .description("Whose midnight begins a day, such as Europe/Amsterdam.")
            .default_value("UTC")
            .current(model.VariableOption(selected=True, text="UTC", value="UTC"))
        )
    )


def _values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        model.VariableSort.ALPHABETICAL_ASC
    )


def power(what: Power, part: Part = "all") -> str:
    """Return the power of the site in watts over time: the devices' means, added up."""
    each_device = _of_devices(_watts(what, part), 'mean("watts")', what, f'{_BY_TIME}, "device" fill(none)')
    return _select(_SUM, f"({each_device})", where="$timeFilter", by=f"{_BY_TIME} fill(none)")


def power_now(what: Power) -> str:
    """Return the newest power of the site within the panel's time."""
    each_device = _of_devices(_watts(what, "all"), 'last("watts")', what, '"device"')
    return _select(_SUM, f"({each_device})")


def energy_of_days(what: Power, part: Part = "all") -> str:
    """Return the kWh of each day, from the power."""
    kwh = 'integral("watts", 1h) / 1000'
    each_device = _of_devices(_watts(what, part), kwh, what, f'{_BY_DAY}, "device"')
    return _select(_SUM, f"({each_device})", where="$timeFilter", by=f"{_BY_DAY} fill(none) {_ZONE}")


def self_sufficiency_of_days() -> str:
    """Return the part of each day's consumption that was not imported."""
    watts = f'{_watts("grid", "in")} AS "import", "load_power_watts" AS "load"'
    powers = _select(watts, _MEASUREMENT, where=_chosen("grid_meter"))
    both = 'integral("import", 1h) AS "import", integral("load", 1h) AS "load"'
    energies = _select(both, f"({powers})", where="$timeFilter", by=_BY_DAY)
    return _select('1 - "import" / "load"', f"({energies})", where=f"$timeFilter {_ZONE}")


def each(field: str, *tags: str) -> str:
    """Return a value over time, of each device and each of its parts."""
    by = ", ".join((_BY_TIME, '"device"', *(f'"{tag}"' for tag in tags)))
    return _select(f'mean("{field}")', _MEASUREMENT, where=_chosen("device"), by=f"{by} fill(none)")


def each_now(field: str) -> str:
    """Return the newest value of each device within the panel's time."""
    return _select(f'last("{field}")', _MEASUREMENT, where=_chosen("device"), by='"device"')


def _watts(what: Power, part: Part) -> str:
    return _PARTS[part].format(field=f"{what}_power_watts")


def _of_devices(watts: str, value: str, what: Power, by: str) -> str:
    """Return a value of each device; of the grid and the loads only what the grid meter sees."""
    chosen = _chosen("grid_meter" if what in ("grid", "load") else "device")
    taken = _select(f'{watts} AS "watts"', _MEASUREMENT, where=chosen, by='"device"')
    return _select(f'{value} AS "value"', f"({taken})", where="$timeFilter", by=by)


def _chosen(variable: Literal["device", "grid_meter"]) -> str:
    return f'"site" =~ /^$site$/ AND "device" =~ /^${variable}$/ AND $timeFilter'


def _select(what: str, source: str, *, where: str = "", by: str = "") -> str:
    parts = ["SELECT", what, "FROM", source]
    parts += ["WHERE", where] if where else []
    parts += ["GROUP BY", by] if by else []
    return " ".join(parts)
