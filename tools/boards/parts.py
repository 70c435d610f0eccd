"""What panels of several kinds are made with: queries, limits, words, legends."""

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tools.boards.model import Panel

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
LETTERS = "ABCDEFGH"  # Grafana's names of the queries of a panel


def targets(panel: Panel, kind: PromQueryFormat, is_instant: bool, step: str = "") -> list[prometheus.Dataquery]:
    """Return the panel's queries: asked once, or over time with at least `step` between two points."""
    found = []
    for letter, query in zip(LETTERS, panel.queries, strict=False):
        target = prometheus.Dataquery().datasource(SOURCE).ref_id(letter).expr(query.promql).format(kind)
        target.legend_format(query.name or "__auto")
        target = target.instant() if is_instant else target.range()
        found.append(target.interval(step) if step else target)
    return found


def thresholds(panel: Panel, base: str) -> dashboard.ThresholdsConfig:
    """Return the panel's limits, over the colour that is good."""
    steps = [model.Threshold(value=None, color=base)]
    steps += [model.Threshold(value=value, color=colour) for value, colour in panel.limits]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def words(panel: Panel) -> list[model.ValueMapping]:
    """Return what values are called."""
    options = {
        f"{value:g}": model.ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(panel.words.items())
    }
    return [model.ValueMap(options=options)] if options else []


def newest() -> common.ReduceDataOptions:
    """Return how a series becomes one number: by its last one."""
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def fixed(colour: str) -> model.DynamicConfigValue:
    """Return an override of a series' colour."""
    return model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def legend() -> common.VizLegendOptions:
    """Return a legend in one line below."""
    mode = kinds.LegendDisplayMode.LIST
    return common.VizLegendOptions().show_legend(True).display_mode(mode).placement(kinds.LegendPlacement.BOTTOM)
