"""Panels of rows: bars and tables. What Prometheus returns is joined, named and sorted by Grafana."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from grafana_foundation_sdk.builders import barchart, common, prometheus, table
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tools.boards.model import Panel, Query
from tools.boards.parts import LETTERS, SOURCE, fixed, legend, targets

WEIGHT = "max by (stage) (cjstream_stage_weight{<journey>})"  # Prometheus knows no order of stages
PLACE = "place"


def bars_panel(panel: Panel) -> barchart.Panel:
    """Return a bar per value of `by` with a part per query; stages in their order, others by their first part."""
    is_staged = panel.by == "stage"
    asked = targets(panel, PromQueryFormat.TABLE, is_instant=True)
    bars = (
        barchart.Panel()
        .targets([*asked, _weights()] if is_staged else [*asked])
        .transformations(_one_frame(panel, is_staged))
        .x_field(panel.by)
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .stacking(kinds.StackingMode.NORMAL if panel.stacked else kinds.StackingMode.NONE)
        .show_value(kinds.VisibilityMode.AUTO)
        .bar_width(0.9)
        .group_width(0.8)
        .fill_opacity(90)
        .min(0)
        .legend(legend())
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI))
    )
    for name, colour in panel.colours.items():
        bars.override_by_name(name, [fixed(colour)])
    return bars


def _weights() -> prometheus.Dataquery:
    order = prometheus.Dataquery().datasource(SOURCE).ref_id("Z").expr(Query(WEIGHT).promql)
    return order.format(PromQueryFormat.TABLE).legend_format(PLACE).instant()


def _one_frame(panel: Panel, is_staged: bool) -> list[model.DataTransformerConfig]:
    """Return what makes one sorted frame of all queries. Not `merge`: it fails where one of them returns nothing."""
    names = {_value_of(panel, place, is_staged): query.name for place, query in enumerate(panel.queries)}
    if is_staged:  # `Value` without a letter: only the weights have come
        names |= {"Value #Z": PLACE, "Value": PLACE}
    sort = {"field": PLACE, "desc": False} if is_staged else {"field": panel.queries[0].name, "desc": True}
    return [
        _transform("joinByField", {"byField": panel.by, "mode": "outer"}),
        _organize(hidden=["Time", *(f"Time {place}" for place in range(1, 5))], names=names),
        _transform("sortBy", {"fields": {}, "sort": [sort]}),
        _organize(hidden=[PLACE]),
    ]


def table_panel(panel: Panel) -> table.Panel:
    """Return a row per label set, the labels in the order of `columns`."""
    value = panel.queries[0].name
    hidden = ["Time", "__name__"] if value else ["Time", "__name__", "Value"]
    return (
        table.Panel()
        .targets([*targets(panel, PromQueryFormat.TABLE, is_instant=True)])
        .transformations([_organize(hidden, {"Value": value} if value else {}, panel.columns)])
        .show_header(True)
        .filterable(True)
    )


def _value_of(panel: Panel, place: int, is_staged: bool) -> str:
    """What Grafana calls the values of a query: with its letter, if there is more than one."""
    return "Value" if len(panel.queries) + is_staged == 1 else f"Value #{LETTERS[place]}"


def _organize(
    hidden: Sequence[str], names: Mapping[str, str] = MappingProxyType({}), order: Sequence[str] = ()
) -> model.DataTransformerConfig:
    places = {name: place for place, name in enumerate(order)}
    options = {"excludeByName": dict.fromkeys(hidden, True), "renameByName": dict(names), "indexByName": places}
    return _transform("organize", options)


def _transform(name: str, options: dict[str, object]) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(id_val=name, options=options)
