"""How our panels look: data source, colours, legends, and what an empty one says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = look.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source that the dashboard's variable names, so that a dashboard fits every Grafana."""

COLOURS: Final[Mapping[str, str]] = {
    "PV": "yellow",
    "Grid import": "red",
    "Grid export": "purple",
    "Battery discharge": "green",
    "Battery charge": "super-light-green",
    "State of charge": "green",
    "Load": "blue",
    "Consumption": "blue",
    "Self-sufficiency": "blue",
    "Self-consumption": "yellow",
}
"""The same thing has the same colour everywhere, by the name in its legend."""

DEVICE_STATES: Final[Mapping[int, tuple[str, str]]] = {
    0: ("Down", "red"),
    1: ("Up", "green"),
    2: ("Asleep", "blue"),
    3: ("No page from the exporter", "orange"),
}
"""Name and colour of each value of `queries.device_state`."""

BELOW_ZERO: Final[Mapping[str, object]] = {"custom.transform": "negative-Y"}
"""What draws a series of a chart downward."""

LINE: Final[Mapping[str, object]] = {
    "custom.stacking": {"mode": "none"},
    "custom.fillOpacity": 0,
    "custom.lineWidth": 2,
}
"""What draws a series of a stacked chart as a line."""

NO_RULES: Final = "No energy yet: are the recording rules loaded (alerts/recording.yml)?"
"""Why a panel of energy is empty."""

DAYS: Final = 6
"""Whole days before today in the panels by day."""

Steps = Mapping[float | None, str]
"""A colour from each value on; None is the colour below all of them."""

_LEAST_COLUMN: Final = 70.0
"""So narrow, in pixels, a column of a table may become before the table is scrolled."""

_LETTERS: Final = "ABCDEFGHIJ"

AnyPanel = TypeVar("AnyPanel", stat.Panel, bargauge.Panel, table.Panel, timeseries.Panel)
AnyBuilder = stat.Panel | bargauge.Panel | table.Panel | timeseries.Panel


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a panel's data.

    `empty` is what the panel says when there is no data: what it would need. `width` counts of 24 columns,
    `height` units of Grafana's grid.
    """

    title: str
    text: str
    empty: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Series:
    """One query and the name of what it returns; a name may hold labels, as in "{{device}} {{phase}}".

    `properties` are what distinguishes it from the panel's other series, by Grafana's ids.
    """

    name: str
    query: str
    properties: Mapping[str, object] | None = None

    datasource: ClassVar[look.DataSourceRef] = DATASOURCE

    def asked(self, letter: str, *, now: bool, rows: bool) -> Builder[Dataquery]:
        """Return the query as the data source takes it: of this instant or of a time, as rows or as lines."""
        query = prometheus.Dataquery().expr(self.query).legend_format(self.name).ref_id(letter)
        query.datasource(self.datasource)
        if rows:
            query.format(PromQueryFormat.TABLE)
        return query.instant() if now else query.range()


def board_of(title: str, uid: str, text: str, *, grid_meter: bool = False) -> dashboard.Dashboard:
    """Return a dashboard without panels, with the variables that ours ask for."""
    board = (
        empty_board(title, uid, text)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_values("site", "Site", "label_values(solar_device_up, site)"))
        .with_variable(
            _values("device", "Devices", 'label_values(solar_device_up{site=~"$site"}, device)')
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        )
    )
    if grid_meter:
        meters = 'label_values(solar_grid_power_watts{site=~"$site"}, device)'
        board.with_variable(
            _values("grid_meter", "Grid meter", meters).description(
                "The device whose grid and loads count, as `grid_meter` in the site file."
            )
        )
    return board


def empty_board(title: str, uid: str, text: str) -> dashboard.Dashboard:
    """Return a dashboard without panels and variables: of the last day, drawn anew twice a minute."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags(["sunhelm", "solar"])
        .editable()
        .time("now-24h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
    )


def filled(board: dashboard.Dashboard, rows: Mapping[str, Sequence[AnyBuilder]]) -> model.Dashboard:
    """Put the panels of each row below its title, and return the dashboard, ready to be written as JSON."""
    for title, panels in rows.items():
        board.with_row(dashboard.Row(title))
        for panel in panels:
            board.with_panel(panel)
    return board.build()


def _values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        model.VariableSort.ALPHABETICAL_ASC
    )


def number(
    frame: Frame, unit: str, series: Sequence[Series], steps: Steps, *, now: bool = True
) -> stat.Panel:
    """Return the last value of each series in large type, coloured by `steps`.

    With `now` it is what holds at this instant, so that an old value is never shown as if it were new.
    """
    panel = _framed(stat.Panel(), frame, series, now=now).unit(unit).thresholds(thresholds(steps))
    panel.color_mode(look.BigValueColorMode.VALUE).graph_mode(look.BigValueGraphMode.NONE)
    # Else every number would take the largest size that fits its own digits.
    alone = len(series) == 1 and not _is_many(series[0])
    panel.text(_sizes(title=14, value=36 if alone else 26)).wide_layout(False)
    return panel.reduce_options(_last()).text_mode(
        look.BigValueTextMode.VALUE if alone else look.BigValueTextMode.VALUE_AND_NAME
    )


def share(frame: Frame, series: Sequence[Series], steps: Steps, *, now: bool = True) -> bargauge.Panel:
    """Return bars from 0 to 100 % for the last value of each ratio; `now` as for a number."""
    panel = _framed(bargauge.Panel(), frame, series, now=now).unit("percentunit").min(0).max(1)
    panel.orientation(look.VizOrientation.HORIZONTAL).display_mode(look.BarGaugeDisplayMode.BASIC)
    many = any(map(_is_many, series))
    panel.text(_sizes(title=12, value=14) if many else _sizes(title=14, value=26))
    if not many:
        panel.name_placement(look.BarGaugeNamePlacement.HIDDEN)
    return panel.thresholds(thresholds(steps)).reduce_options(_last())


def chart(frame: Frame, unit: str, series: Sequence[Series], *, line_width: int = 1) -> timeseries.Panel:
    """Return lines over time, with a legend."""
    panel = _framed(timeseries.Panel(), frame, series).unit(unit).line_width(line_width)
    panel.show_points(look.VisibilityMode.NEVER)
    panel.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.NONE))
    return panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .calcs([])
    )


def stacked(panel: timeseries.Panel, *, opacity: int) -> timeseries.Panel:
    """Fill the areas of a chart and pile them up, those below zero downward.

    They have no outline: that of a series which is zero would hide the one below it.
    """
    mode = common.StackingConfig().mode(look.StackingMode.NORMAL).group("A")
    return panel.stacking(mode).fill_opacity(opacity).line_width(0)


def of_each_day(panel: AnyPanel, *, days: int) -> AnyPanel:
    """Let the panel evaluate once a day, at midnight of the dashboard's zone, for so many days and today."""
    return panel.interval("1d").time_from(f"now-{days}d/d" if days else "now/d")


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw each value as a bar that begins at its time: a day from its midnight on."""
    panel.draw_style(look.GraphDrawStyle.BARS).bar_alignment(look.BarAlignment.AFTER)
    return panel.bar_width_factor(0.8).fill_opacity(80)


def numbered(panel: table.Panel, *labels: str) -> table.Panel:
    """Let a table be sorted by these labels; the last one is a number."""
    columns = [label.capitalize() for label in labels]
    conversions = [{"targetField": columns[-1], "destinationType": "number"}]
    options: dict[str, object] = {"fields": {}, "conversions": conversions}
    panel.with_transformation(model.DataTransformerConfig(id_val="convertFieldType", options=options))
    for column in reversed(columns):  # what is equal keeps its order
        options = {"fields": {}, "sort": [{"field": column}]}
        panel.with_transformation(model.DataTransformerConfig(id_val="sortBy", options=options))
    return panel.sort_by([])


def listing(frame: Frame, columns: Sequence[Series], labels: Sequence[str]) -> table.Panel:
    """Return a table with a row for each set of `labels` and a column for each query."""
    panel = _framed(table.Panel(), frame, columns, now=True, rows=True).min_width(_LEAST_COLUMN)
    # Grafana calls the values of one query "Value", those of several by their letters.
    letters = zip(_LETTERS, columns, strict=False)
    values = [f"Value #{letter}" for letter, _ in letters] if len(columns) > 1 else ["Value"]
    shown = [*labels, *values]
    names = {label: label.capitalize() for label in labels} | {
        value: column.name for value, column in zip(values, columns, strict=True)
    }
    panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    return panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {name: index for index, name in enumerate(shown)},
                "renameByName": names,
            },
        )
    ).sort_by([common.TableSortByFieldState().display_name(labels[0].capitalize())])


def stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """Let each value of a chart hold until the next."""
    return panel.line_interpolation(look.LineInterpolation.STEP_AFTER)


def cell(unit: str, *, decimals: int = 1, width: int | None = None) -> Mapping[str, object]:
    """Return the properties of a column of numbers; what is not known is a dash."""
    properties: dict[str, object] = {"unit": unit, "decimals": decimals, "noValue": "-"}
    return properties | ({} if width is None else {"custom.width": width})


def states(names: Mapping[int, tuple[str, str]]) -> model.ValueMap:
    """Return text and colour for each of the values."""
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(names.items())
        }
    )


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return the steps as Grafana's thresholds."""
    listed = [model.Threshold(value=value, color=colour) for value, colour in steps.items()]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(listed)


def _framed(
    panel: AnyPanel, frame: Frame, series: Sequence[Series], *, now: bool = False, rows: bool = False
) -> AnyPanel:
    panel.title(frame.title).description(frame.text).no_value(frame.empty)
    panel.datasource(series[0].datasource)
    panel.span(frame.width).height(frame.height)
    for letter, one in zip(_LETTERS, series, strict=False):
        panel.with_target(one.asked(letter, now=now, rows=rows))
        properties = dict(one.properties or {})
        if one.name in COLOURS and len(series) > 1:
            properties = {"color": {"mode": "fixed", "fixedColor": COLOURS[one.name]}} | properties
        values = [model.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()]
        if not values:
            continue
        if _is_many(one) and not rows:
            panel.override_by_query(letter, values)  # each of its series bears a name of its own
        else:
            panel.override_by_name(one.name, values)
    return panel


def _is_many(one: Series) -> bool:
    """Whether a query returns as many series as there are devices, or parts of them."""
    return "{{" in one.name or "$tag_" in one.name


def _sizes(*, title: float, value: float) -> common.VizTextDisplayOptions:
    return common.VizTextDisplayOptions().title_size(title).value_size(value)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
