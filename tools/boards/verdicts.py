"""The panels that answer in ten seconds whether customers move and whether the pipeline is healthy."""

from tools.boards.ids import panel_path
from tools.boards.model import BAD, GOOD, GREY, WARNING, Panel, Query

MOVES = Panel(
    title="Do customers move?",
    kind="stat",
    unit="none",
    width=6,
    height=5,
    queries=[
        Query(
            "(vector(2) and on () (sum(increase(cjstream_transitions_total{<journey>}[15m])) > 0))"
            " or on () (vector(1) and on () (sum(increase(cjstream_touchpoints_total{<job>}[15m])) > 0))"
            " or on () vector(0)",
            "customers",
        )
    ],
    words={
        2: ("✔ MOVING", GOOD),
        1: ("▲ TOUCHPOINTS, BUT NO MOVES", WARNING),
        0: ("■ QUIET", GREY),
    },
    means="Whether a customer of this journey changed stage in the last 15 minutes.",
    normal="MOVING while your customers are awake. QUIET means that no touchpoint came at all.",
    do="If touchpoints come and nobody moves, ask whether the journey's rules fit the touchpoints. If it is quiet and "
    "should not be, look at the pipeline, then at the systems that send touchpoints.",
    runbooks=["CjstreamStalls", "CjstreamChannelSilent"],
)

HEALTH = Panel(
    title="Is the pipeline healthy?",
    kind="stat",
    unit="none",
    width=6,
    height=5,
    queries=[
        Query(
            "(vector(3) unless on () (sum(cjstream_ready{<job>}) > 0))"
            " or on () (vector(3) and on () (sum by (job) (cjstream_ready{<job>}) == 0))"
            " or on () (vector(4) and on () (max(cjstream_stalled_seconds{<job>}"
            " and on (job, instance, worker) cjstream_ready{<job>} == 1) > 30))"
            " or on () (vector(2) and on () (max by (job) (cjstream_input_partitions{<job>})"
            " > sum by (job) (cjstream_assigned_partitions{<job>})))"
            " or on () (vector(1) and on () (max(cjstream_lag_seconds{<job>}) > 300))"
            " or on () vector(0)",
            "pipeline",
        )
    ],
    words={
        0: ("✔ HEALTHY", GOOD),
        1: ("▲ LATE", WARNING),
        2: ("▲ PARTLY AWAY", WARNING),
        3: ("✖ STOPPED", BAD),
        4: ("✖ STUCK", BAD),
    },
    means="STOPPED: no worker takes touchpoints. STUCK: work of a ready one has not moved for 30 seconds. PARTLY AWAY: "
    "some partitions have no worker, or are restored, so some customers are missing from every number. LATE: a "
    "touchpoint has waited for more than 5 minutes.",
    normal="HEALTHY. After a restart it is PARTLY AWAY while the state is restored.",
    do="Open the board Pipeline: its first two lines show what is wrong. Numbers about customers are complete only "
    "while this says HEALTHY or LATE.",
    runbooks=["CjstreamNoWorker", "CjstreamNotReady", "CjstreamPublishFailing", "CjstreamPartitionsUnowned"],
    links={"Board: Pipeline": "/d/cjstream-pipeline/"},
)

FIRING = Panel(
    title="Firing alerts",
    kind="stat",
    unit="none",
    width=3,
    height=5,
    queries=[
        Query('count(ALERTS{alertname=~"Cjstream.*", alertstate="firing", job=~"$job|"}) or on () vector(0)', "alerts")
    ],
    words={0: ("✔ none", GOOD)},
    limits=[(1, BAD)],
    means="Alerts of cjstream that fire now, of pages and tickets.",
    normal="None.",
    do="The list below names them; each has a runbook.",
    links={
        "List of alerts": panel_path("cjstream-pipeline", "Alerts now"),
        "All runbooks": "/d/cjstream-runbooks/",
    },
)
