"""Panels of numbers and of time: stat, graph, columns, meters, heatmap."""

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, timeseries
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tools.boards.model import BLUE, ORANGE, Panel
from tools.boards.parts import fixed, legend, newest, targets, thresholds, words

DASHES = ("solid", "dash", "dot", "dash", "dot", "dash")
AXIS_STEP = "$interval"  # the least time between two points, and what one column adds up


def stat_panel(panel: Panel) -> stat.Panel:
    """Return a number, on its colour if it has limits or words."""
    has_colour = panel.words or panel.limits
    return (
        stat.Panel()
        .targets([*targets(panel, PromQueryFormat.TIME_SERIES, is_instant=True)])
        .reduce_options(newest())
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID if has_colour else kinds.BigValueColorMode.NONE)
        .text_mode(kinds.BigValueTextMode.AUTO)
        .orientation(kinds.VizOrientation.AUTO)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds(panel, panel.base))
        .mappings(words(panel))
    )


def _lines(panel: Panel) -> timeseries.Panel:
    series = timeseries.Panel().targets([*targets(panel, PromQueryFormat.TIME_SERIES, False, AXIS_STEP)])
    mode = kinds.StackingMode.NORMAL if panel.stacked else kinds.StackingMode.NONE
    series.stacking(common.StackingConfig().mode(mode)).min(0)
    series.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    series.legend(legend().calcs(["lastNotNull"]))
    series.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    if panel.limits:  # a dashed line, named in the description, beside the colour
        style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        series.thresholds(thresholds(panel, "transparent"))
        series.thresholds_style(style)
    return series


def graph_panel(panel: Panel) -> timeseries.Panel:
    """Return lines over time, each with its own dash where it has its own colour."""
    series = _lines(panel).draw_style(kinds.GraphDrawStyle.LINE).line_width(2)
    series.fill_opacity(40 if panel.stacked else 5).show_points(kinds.VisibilityMode.NEVER)
    for place, (name, colour) in enumerate(panel.colours.items()):
        dash = model.DynamicConfigValue("custom.lineStyle", {"fill": DASHES[place % len(DASHES)], "dash": [10, 6]})
        series.override_by_name(name, [fixed(colour), dash])
    return series


def columns_panel(panel: Panel) -> timeseries.Panel:
    """Return columns, one per step of time."""
    series = _lines(panel).draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(80).line_width(1)
    for name, colour in panel.colours.items():
        series.override_by_name(name, [fixed(colour)])
    return series


def meters_panel(panel: Panel) -> bargauge.Panel:
    """Return one bar per series, with its number."""
    meters = (
        bargauge.Panel()
        .targets([*targets(panel, PromQueryFormat.TIME_SERIES, is_instant=True)])
        .reduce_options(newest())
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .value_mode(kinds.BarGaugeValueMode.TEXT)
        .show_unfilled(True)
        .min(0)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds(panel, panel.base))
    )
    return meters if panel.top is None else meters.max(panel.top)


def heatmap_panel(panel: Panel) -> heatmap.Panel:
    """Return the counts of a histogram's buckets over time."""
    colour = heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    return (
        heatmap.Panel()
        .targets([*targets(panel, PromQueryFormat.HEATMAP, False, AXIS_STEP)])
        .calculate(False)
        .color(colour.reverse(False).exponent(0.5).fill(BLUE))
        .y_axis(heatmap.YAxisConfig().unit(panel.unit).axis_placement(kinds.AxisPlacement.LEFT))
        .cell_gap(1)
        .exemplars_color(ORANGE)
        .show_legend()
        .tooltip(heatmap.HeatmapTooltip().mode(kinds.TooltipDisplayMode.SINGLE).y_histogram(True))
    )
