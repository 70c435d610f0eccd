"""Of the board *Experience*: answers to feedback, and where customers leave the expected way."""

from tools.boards.model import BLUE, GREEN, ORANGE, PURPLE, RED, Panel, Query

ANSWERS = [
    Panel(
        title="Customers waiting for an answer",
        kind="graph",
        width=8,
        queries=[Query("sum by (journey) (cjstream_waiting_customers{<journey>})", "{{journey}}")],
        colours={},
        means="Customers with feedback that has no answer yet, over time.",
        normal="Falls during working hours.",
        do="If it only grows, answers cannot keep up.",
        empty="The journey measures no feedback",
        runbooks=["CjstreamSlaBreaches"],
    ),
    Panel(
        title="Answers in time and too late",
        kind="columns",
        width=8,
        stacked=True,
        queries=[
            Query(f'sum(increase(cjstream_sla_total{{<journey>, result="{result}"}}[$__interval]))', name)
            for result, name in (("met", "in time"), ("due_soon", "due soon"), ("breached", "too late"))
        ],
        colours={"in time": GREEN, "due soon": ORANGE, "too late": RED},
        means="Answers per step of time: given in time, soon due and not given, not given in time. An answer can be "
        "counted as soon due first, and as in time or too late afterwards.",
        normal="Few are too late.",
        do="See which clock it is, beside: the first answer, the next one, or the solution.",
        empty="No answers were due",
        runbooks=["CjstreamSlaBreaches"],
    ),
    Panel(
        title="Answered in time, by clock",
        kind="meters",
        width=8,
        unit="percentunit",
        decimals=0,
        top=1,
        queries=[
            Query(
                '(sum by (clock) (increase(cjstream_sla_total{<journey>, result="met"}[$__range])) or 0 * '
                'sum by (clock) (increase(cjstream_sla_total{<journey>, result="breached"}[$__range]))) / '
                '(sum by (clock) (increase(cjstream_sla_total{<journey>, result=~"met|breached"}[$__range])) > 0)',
                "{{clock}}",
            )
        ],
        base=BLUE,
        means="Share of answers given in time in the time range shown: the first one, the next ones, the solution.",
        normal="At least 90 % each.",
        do="Below 90 %: see the runbook.",
        empty="No answers were due",
        runbooks=["CjstreamSlaBreaches"],
    ),
]

PLAN = [
    Panel(
        title="Deviations from the expected way",
        kind="columns",
        width=6,
        stacked=True,
        queries=[
            Query("sum by (deviation) (increase(cjstream_deviations_total{<journey>}[$__interval]))", "{{deviation}}")
        ],
        colours={"skipped": BLUE, "unexpected": ORANGE, "too_slow": PURPLE, "forbidden": RED},
        means="Steps skipped, unexpected, too slow or forbidden, against the path and rules that the journey declares.",
        normal="Yours. Customers often skip steps; forbidden ones should be rare.",
        do="If most customers deviate, it is the declared path that is wrong: `cjstream report` lists the usual ways.",
        empty="The journey declares no expected path",
    ),
    Panel(
        title="Stalled, dropped, came back too late",
        kind="columns",
        width=6,
        queries=[
            Query('sum(increase(cjstream_signals_total{<journey>, kind="stalled"}[$__interval]))', "stalled"),
            Query('sum(increase(cjstream_signals_total{<journey>, kind="dropped"}[$__interval]))', "dropped"),
            Query("sum(increase(cjstream_late_conversions_total{<journey>}[$__interval]))", "converted after the drop"),
        ],
        colours={"stalled": ORANGE, "dropped": RED, "converted after the drop": GREEN},
        means="Customers who stood still, were dropped, or met the goal although they had been dropped.",
        normal="Many who convert after the drop: the conversion window is too short.",
        do="See by stage on the board Journey overview.",
        empty="Nobody in this time range",
        runbooks=["CjstreamStalls"],
    ),
    Panel(
        title="Scores that rose to a threshold",
        kind="columns",
        width=6,
        stacked=True,
        queries=[
            Query(
                "sum by (threshold) (increase(cjstream_score_thresholds_total{<journey>}[$__interval]))",
                "{{threshold}}",
            )
        ],
        means="How often a customer's engagement score rose to a threshold of the journey's definition.",
        normal="Yours.",
        do="These customers are worth a call: the signal score_threshold names them.",
        empty="The journey keeps no score, or nobody reached a threshold",
    ),
    Panel(
        title="Moves that the journey refused",
        kind="columns",
        width=6,
        stacked=True,
        queries=[
            Query("sum by (reason) (increase(cjstream_refused_moves_total{<journey>}[$__interval]))", "{{reason}}")
        ],
        means="Moves that a rule proposed and the journey does not allow, by reason.",
        normal="Some: customers look back, and stay where they are.",
        do="Many of one reason: ask `cjstream why CUSTOMER` for one customer, and look at `moves` and `reentry`.",
        empty="None in this time range",
    ),
]
