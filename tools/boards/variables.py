"""The choices at the top of a board, by name."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from tools.boards.parts import SOURCE

AnyVariable = (
    dashboard.DatasourceVariable | dashboard.QueryVariable | dashboard.CustomVariable | dashboard.IntervalVariable
)
DIMENSIONS = ("channel", "device", "persona")


def variable(name: str, steps: Sequence[str]) -> AnyVariable:
    """Return the variable of that name; `steps` are the values of `interval`."""
    match name:
        case "datasource":
            return dashboard.DatasourceVariable(name).label("Data source").type("prometheus")
        case "job":
            return _all(_labels(name, "App", "label_values(cjstream_build_info, job)"))
        case "journey":  # one: a funnel of several journeys is none
            return _labels(name, "Journey", 'label_values(cjstream_customers{job=~"$job"}, journey)')
        case "instance":
            query = 'label_values(cjstream_build_info{job=~"$job"}, instance)'
            return _all(_labels(name, "Worker", query))
        case "dimension":
            return _choice(dashboard.CustomVariable(name).label("By"), DIMENSIONS, 0)
        case "interval":
            return _choice(dashboard.IntervalVariable(name).label("Step").auto(False), steps, 1)
    raise KeyError(name)


def _labels(name: str, title: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _all(builder: dashboard.QueryVariable) -> dashboard.QueryVariable:
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return builder.include_all(True).multi(True).current(everything)


Choice = dashboard.CustomVariable | dashboard.IntervalVariable


def _choice(builder: Choice, values: Sequence[str], chosen: int) -> Choice:
    options = [model.VariableOption(selected=each == values[chosen], text=each, value=each) for each in values]
    return builder.values(",".join(values)).options(options).current(options[chosen])
