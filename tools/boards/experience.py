"""The board *Experience*: how customers feel, who waits for an answer, and where reality leaves the plan."""

from tools.boards.experience_plan import ANSWERS, PLAN
from tools.boards.model import BAD, GOOD, GREEN, GREY, RED, WARNING, Board, Panel, Query, Row

SENTIMENTS = {"negative": RED, "neutral": GREY, "positive": GREEN}

TEN_SECONDS = [
    Panel(
        title="Wait for an answer",
        kind="stat",
        width=4,
        height=5,
        queries=[Query("sum(cjstream_waiting_customers{<journey>})", "customers")],
        means="Customers with a review, question or complaint that nobody has answered yet.",
        normal="Small, and smaller at the end of a working day.",
        do="Answer the oldest first; the ids come with the signals sla_due_soon and sla_breached.",
        empty="The journey measures no feedback",
        runbooks=["CjstreamSlaBreaches"],
    ),
    Panel(
        title="Answered in time (aim: 90 %)",
        kind="stat",
        unit="percentunit",
        width=4,
        height=5,
        decimals=0,
        queries=[Query("job_journey_clock:cjstream_sla_met:ratio1d{<journey>}", "{{clock}}")],
        base=BAD,
        limits=[(0.9, GOOD)],
        means="Of the answers that were due in the last day, the share that came in time, by clock.",
        normal="At least 90 %. Below it the alert fires after half an hour.",
        do="Below 90 %: more people on answers, or other targets in the journey's definition.",
        empty="No answers were due in the last day",
        runbooks=["CjstreamSlaBreaches"],
    ),
    Panel(
        title="Satisfaction (CSAT)",
        kind="stat",
        unit="percentunit",
        width=4,
        height=5,
        decimals=0,
        queries=[Query("job_journey:cjstream_csat:ratio1d{<journey>}", "last day")],
        means="Of the ratings in stars or on the CSAT scale in the last day, the share of 4 and 5.",
        normal="Yours.",
        do="If it falls, see below in which stage, and read the newest bad reviews.",
        empty="No ratings in the last day",
        runbooks=["CjstreamNegativeSentiment"],
    ),
    Panel(
        title="Recommendation (NPS)",
        kind="stat",
        unit="none",
        width=4,
        height=5,
        decimals=0,
        queries=[Query("job_journey:cjstream_nps:score1d{<journey>}", "last day")],
        means="Ratings from 0 to 10 in the last day: percent of 9 and 10, less percent of 0 to 6; -100 to 100.",
        normal="Above 0. With few answers it jumps.",
        do="If it falls, ask those who gave less than 7 why.",
        empty="No NPS answers in the last day",
    ),
    Panel(
        title="Negative, last hour (alert: 40 %)",
        kind="stat",
        unit="percentunit",
        width=4,
        height=5,
        decimals=0,
        queries=[Query("job_journey:cjstream_negative_sentiment:ratio1h{<journey>}", "last hour")],
        limits=[(0.25, WARNING), (0.4, BAD)],
        means="Of the touchpoints with a sentiment in the last hour, the share that is negative.",
        normal="Under 25 %. The alert asks for more than 40 % of more than 50 for a quarter of an hour.",
        do="Read what customers write: the newest bad reviews, and what changed today.",
        empty="No sentiment in the last hour",
        runbooks=["CjstreamNegativeSentiment"],
    ),
    Panel(
        title="At risk and stalled",
        kind="stat",
        width=4,
        height=5,
        decimals=0,
        queries=[
            Query('sum(increase(cjstream_signals_total{<journey>, kind="at_risk"}[$__range]))', "at risk"),
            Query('sum(increase(cjstream_signals_total{<journey>, kind="stalled"}[$__range]))', "stalled"),
        ],
        means="In the time range shown. At risk: has bought, and is dissatisfied. Stalled: stood still for longer than "
        "the stage allows.",
        normal="Yours. Who is at risk costs more than a prospect who never bought.",
        do="Win back who is at risk, one by one: the signal names the customer.",
        empty="Nobody",
        runbooks=["CjstreamStalls", "CjstreamNegativeSentiment"],
    ),
]

FEELINGS = [
    Panel(
        title="Sentiment over time",
        kind="columns",
        width=12,
        stacked=True,
        queries=[
            Query(f'sum(increase(cjstream_sentiment_total{{<journey>, sentiment="{name}"}}[$__interval]))', name)
            for name in SENTIMENTS
        ],
        colours=SENTIMENTS,
        means="Touchpoints with a sentiment per step of time (variable Step).",
        normal="More positive than negative ones.",
        do="A day with more negative ones: look at the stages beside.",
        empty="The journey measures no sentiment",
        runbooks=["CjstreamNegativeSentiment"],
    ),
    Panel(
        title="Sentiment by stage",
        kind="bars",
        width=6,
        by="stage",
        stacked=True,
        queries=[
            Query(
                f'sum by (stage) (increase(cjstream_sentiment_total{{<journey>, sentiment="{name}"}}[$__range]))', name
            )
            for name in SENTIMENTS
        ],
        colours=SENTIMENTS,
        means="Touchpoints with a sentiment in the time range shown, by the stage of the customer.",
        normal="The red part is short in each bar.",
        do="The stage with the longest negative part is what to mend first.",
        empty="No sentiment in this time range",
        runbooks=["CjstreamNegativeSentiment"],
    ),
    Panel(
        title="Judgement now, by stage",
        kind="bars",
        width=6,
        by="stage",
        stacked=True,
        queries=[
            Query(
                f'sum by (stage) (cjstream_customers_by_judgement{{<journey>, judgement="{name}", stage!="none"}})',
                name,
            )
            for name in SENTIMENTS
        ],
        colours=SENTIMENTS,
        means="Customers by the newest sentiment that is known of them, and the stage they are in.",
        normal="Dissatisfied customers in late stages are few.",
        do="Dissatisfied ones in the last stages have bought: they are the biggest risk.",
        empty="The journey keeps no judgement",
        runbooks=["CjstreamNegativeSentiment"],
    ),
]

BOARD = Board(
    uid="cjstream-experience",
    title="cjstream · Experience",
    description="How customers feel, who waits for an answer, and where reality leaves the plan.",
    variables=("datasource", "job", "journey", "interval"),
    steps=("5m", "1h", "6h", "1d"),
    since="now-24h",
    refresh="1m",
    rows=[
        Row("In ten seconds", TEN_SECONDS),
        Row("How customers feel", FEELINGS),
        Row("Feedback and answers", ANSWERS),
        Row("Expected and actual", PLAN),
    ],
)
