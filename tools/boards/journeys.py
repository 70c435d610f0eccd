"""The board *Journey overview*: where the customers of one journey are, who converts, and who leaves where."""

from tools.boards.journeys_origin import WHO, WORTH
from tools.boards.journeys_stages import ENTRIES, FLOW, WHERE
from tools.boards.model import Board, Panel, Query, Row
from tools.boards.verdicts import HEALTH, MOVES

TEN_SECONDS = [
    MOVES,
    HEALTH,
    Panel(
        title="Under way",
        kind="stat",
        width=3,
        height=5,
        queries=[Query('sum(cjstream_customers{<journey>, outcome="in_progress", stage!="none"})', "customers")],
        means="Customers who are in a stage of this journey now, and have neither converted nor been dropped.",
        normal="Moves slowly. A sudden fall is a restart that still restores, or a mass exit.",
        empty="No customers yet",
    ),
    Panel(
        title="Entered",
        kind="stat",
        width=3,
        height=5,
        queries=[Query(f"sum(increase({ENTRIES}[$__range]))", "customers")],
        means="Customers who entered this journey in the time range shown, returning ones as well.",
        normal="As on the same weekday a week ago.",
        do="If it is far lower, look for a channel that went silent.",
        empty="Nobody yet",
        runbooks=["CjstreamChannelSilent"],
    ),
    Panel(
        title="Converted",
        kind="stat",
        width=3,
        height=5,
        queries=[Query('sum(increase(cjstream_signals_total{<journey>, kind="converted"}[$__range]))', "customers")],
        means="Customers who met the goal of this journey in the time range shown.",
        normal="As on the same weekday a week ago.",
        do="If it is far lower while as many enter, see where they are dropped, below.",
        empty="Nobody yet",
        runbooks=["CjstreamConversionFell"],
    ),
    Panel(
        title="Conversion rate",
        kind="stat",
        unit="percentunit",
        width=3,
        height=5,
        decimals=1,
        queries=[Query("job_journey:cjstream_conversion:ratio{<journey>}", "{{job}}")],
        means="Of all customers who ever entered this journey, the share that has converted.",
        normal="Yours. It moves slowly, as it counts everybody; the alert compares single days.",
        do="If it falls from day to day, look at the drop-off by stage.",
        empty="Nobody entered yet",
        runbooks=["CjstreamConversionFell"],
    ),
]

BOARD = Board(
    uid="cjstream-journeys",
    title="cjstream · Journey overview",
    description="Where the customers of a journey are, who converts, who leaves where. Start here.",
    variables=("datasource", "job", "journey", "dimension", "interval"),
    steps=("5m", "1h", "6h", "1d"),
    since="now-24h",
    refresh="1m",
    rows=[
        Row("In ten seconds", TEN_SECONDS),
        Row("Where customers are", WHERE),
        Row("How they move", FLOW),
        Row("Who they are and what brings them", WHO),
        Row("What it brings and costs", WORTH),
    ],
)
