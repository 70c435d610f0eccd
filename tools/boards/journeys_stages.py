"""Of the board *Journey overview*: where customers are, and how they move."""

from tools.boards.model import BLUE, GREEN, GREY, ORANGE, RED, SKY, Panel, Query

OUTCOME_COLOURS = {"in progress": SKY, "converted": GREEN, "dropped": RED}
ENTRIES = 'cjstream_transitions_total{<journey>, kind=~"entry|reentry"}'
ENDS = 'cjstream_transitions_total{<journey>, kind=~"exit|timeout"}'


def by_outcome(metric: str, label: str) -> list[Query]:
    """Return one query per outcome of the customers of `metric` by `label`: the three parts of a bar."""
    return [
        Query(f'sum by ({label}) ({metric}, outcome="{name.replace(" ", "_")}"}})', name)
        for name in ("converted", "in progress", "dropped")
    ]


WHERE = [
    Panel(
        title="Funnel: how far customers came",
        kind="bars",
        width=12,
        height=10,
        by="stage",
        stacked=True,
        queries=by_outcome("cjstream_reached_customers{<journey>", "stage"),
        colours=OUTCOME_COLOURS,
        means="Customers who came to a stage or further, first stage on top, by outcome: converted, in progress or "
        "dropped.",
        normal="Each bar is shorter than the one above. The step where it shortens most is where you lose most.",
        do="Compare the dropped part of that step with a week ago; the drop-off beside it has the share.",
        empty="No customers yet",
        runbooks=["CjstreamDropOffJumped"],
    ),
    Panel(
        title="Drop-off by stage",
        kind="bars",
        width=6,
        height=10,
        by="stage",
        unit="percentunit",
        queries=[Query("max by (stage) (job_journey_stage:cjstream_drop_off:ratio{<journey>})", "drop-off")],
        colours={"drop-off": RED},
        means="Of the customers who came to a stage or further, the share that was dropped while in it.",
        normal="Yours, per stage. Journeys without a window or an exit drop nobody.",
        do="For the stage with the longest bar: `cjstream report` tells what customers did last and how they felt.",
        empty="Nobody was dropped",
        runbooks=["CjstreamDropOffJumped"],
    ),
    Panel(
        title="Under way by stage, now",
        kind="bars",
        width=6,
        height=10,
        by="stage",
        queries=[
            Query('sum by (stage) (cjstream_customers{<journey>, outcome="in_progress", stage!="none"})', "in progress")
        ],
        colours={"in progress": SKY},
        means="Where customers are who have neither converted nor been dropped.",
        normal="Most of them early in the journey.",
        do="A stage that fills while the next one empties is where something holds customers up: see the stalls.",
        empty="No customers yet",
        runbooks=["CjstreamStalls"],
    ),
]

FLOW = [
    Panel(
        title="Entered, converted, dropped, left",
        kind="columns",
        width=12,
        queries=[
            Query(f"sum(increase({ENTRIES}[$__interval]))", "entered"),
            Query('sum(increase(cjstream_signals_total{<journey>, kind="converted"}[$__interval]))', "converted"),
            Query('sum(increase(cjstream_signals_total{<journey>, kind="dropped"}[$__interval]))', "dropped"),
            Query(f"sum(increase({ENDS}[$__interval]))", "left the journey"),
        ],
        colours={"entered": SKY, "converted": GREEN, "dropped": RED, "left the journey": GREY},
        means="Customers per step of time (variable Step). Who leaves goes outside of the journey, by an exit or as "
        "time ran out; who is dropped may still be in a stage.",
        normal="The shape of a usual day.",
        do="A gap in all of them is the pipeline or the senders; a gap in one is the business.",
    ),
    Panel(
        title="Customers by stage, over time",
        kind="graph",
        width=12,
        stacked=True,
        queries=[
            Query('sum by (stage) (cjstream_customers{<journey>, stage!="none"})', "{{stage}}"),
        ],
        means="How many customers each stage holds, whatever their outcome.",
        normal="Smooth. A step down and up again is a restart, while partitions are restored.",
        do="A stage that only grows is worth a look at its stalls.",
        runbooks=["CjstreamStalls"],
    ),
    Panel(
        title="Time spent in a stage",
        kind="bars",
        width=12,
        by="stage",
        unit="s",
        queries=[
            Query(
                f"histogram_quantile({share}, sum by (stage, le) "
                "(increase(cjstream_dwell_seconds_bucket{<journey>}[$__range]))) >= 0",
                name,
            )
            for share, name in ((0.5, "half of them"), (0.9, "nine in ten"))
        ],
        colours={"half of them": BLUE, "nine in ten": ORANGE},
        means="How long customers had been in a stage when they left it in the time range shown: half of them, and "
        "nine in ten, at most so long. Estimated from classes that go from a minute to half a year.",
        normal="Yours. Long bars late in the journey are usual.",
        do="A stage whose nine in ten grows holds customers up.",
        empty="Nobody left a stage in this time range",
        runbooks=["CjstreamStalls"],
    ),
    Panel(
        title="Moves from stage to stage",
        kind="table",
        width=12,
        queries=[
            Query(
                "sort_desc(topk(30, sum by (from, to, kind) "
                "(increase(cjstream_transitions_total{<journey>}[$__range])) > 0))",
                "moves",
            )
        ],
        decimals=0,
        columns=("from", "to", "kind"),
        means="The 30 most frequent moves in the time range shown, with their kind. `none` is outside of the journey.",
        normal="Mostly entry and forward.",
        do="Many backward moves or corrections: ask for reasons with `cjstream why CUSTOMER` on one of them.",
        empty="Nobody moved in this time range",
    ),
]
