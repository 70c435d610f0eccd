"""Of the board *Journey overview*: what brings customers, what it costs and what it is worth."""

from tools.boards.journeys_stages import OUTCOME_COLOURS, by_outcome
from tools.boards.model import BLUE, GREEN, ORANGE, PURPLE, Panel, Query

WHO = [
    Panel(
        title="Customers by origin",
        kind="bars",
        width=6,
        by="value",
        stacked=True,
        queries=by_outcome('cjstream_customers_by_entry{<journey>, dimension=~"$dimension"', "value"),
        colours=OUTCOME_COLOURS,
        means="Customers by the channel, device or persona (variable By) of their first touchpoint, and their outcome.",
        normal="Yours.",
        do="A value `other` that is large: name it under `count_by` in the journey's definition.",
        empty="The journey's definition has no count_by for this",
    ),
    Panel(
        title="Conversion rate by origin",
        kind="meters",
        width=6,
        unit="percentunit",
        decimals=1,
        top=1,
        queries=[
            Query(
                'sort_desc(sum by (value) (cjstream_customers_by_entry{<journey>, dimension=~"$dimension", '
                'outcome="converted"}) / (sum by (value) '
                '(cjstream_customers_by_entry{<journey>, dimension=~"$dimension"}) > 0))',
                "{{value}}",
            )
        ],
        base=GREEN,
        means="Of the customers whose first touchpoint had this channel, device or persona, the share that converted.",
        normal="Yours. Shares of few customers jump.",
        do="Compare with what the channel costs, below.",
        empty="The journey's definition has no count_by for this",
    ),
    Panel(
        title="Conversions by first and last touch",
        kind="bars",
        width=6,
        by="value",
        queries=[
            Query(
                "sum by (value) (cjstream_conversions_by_touch"
                f'{{<journey>, dimension=~"$dimension", touch="{touch}"}})',
                f"{touch} touch",
            )
            for touch in ("first", "last")
        ],
        colours={"first touch": BLUE, "last touch": ORANGE},
        means="Converted customers by the channel, device or persona of their first touchpoint and of their last, "
        "which is the one that met the goal.",
        normal="Search and social media are often first, e-mail and the website often last.",
        do="A channel that is often first and seldom last still pays: judge it by its first touches.",
        empty="The journey's definition has no count_by for this",
    ),
    Panel(
        title="Touchpoints by channel",
        kind="columns",
        width=6,
        stacked=True,
        queries=[
            Query("sum by (channel) (increase(cjstream_channel_touchpoints_total{<job>}[$__interval]))", "{{channel}}")
        ],
        means="Touchpoints that counted, of all journeys of the app, by channel.",
        normal="The shape of a usual day, for each channel.",
        do="A channel that stops: its sender is down, or a campaign has ended.",
        empty="No touchpoints in this time range",
        runbooks=["CjstreamChannelSilent"],
    ),
]

WORTH = [
    Panel(
        title="Click-through rate by channel",
        kind="meters",
        width=6,
        unit="percentunit",
        decimals=2,
        queries=[Query('sort_desc(max by (channel) (job_channel:cjstream_ctr:ratio{job=~"$job"}))', "{{channel}}")],
        base=BLUE,
        means="Clicks by impressions, of all facts known, whatever the journey.",
        normal="Yours, by channel.",
        do="Nothing here? Send impressions and clicks as facts.",
        empty="No facts of clicks and impressions",
    ),
    Panel(
        title="Cost per click by channel",
        kind="table",
        width=6,
        unit="none",
        decimals=2,
        queries=[
            Query('max by (channel, currency) (job_channel_currency:cjstream_cpc:ratio{job=~"$job"})', "cost per click")
        ],
        means="Money spent by clicks, of all facts known, per currency; nothing is converted between currencies.",
        normal="Yours, by channel.",
        do="Nothing here? Send spend and clicks as facts.",
        empty="No facts of spend and clicks",
    ),
    Panel(
        title="Value of sales",
        kind="table",
        width=6,
        unit="none",
        decimals=2,
        queries=[
            Query(
                "sum by (currency) (increase(cjstream_stage_value_total{<journey>}[$__range])) > 0",
                "value",
            )
        ],
        means="Sum of the values of sales in the time range shown, per currency. Refunds are not taken off.",
        normal="As on the same weekday a week ago.",
        do="For exact sums use `cjstream report`: a counter may count a repeat after a crash.",
        empty="No sales with a value in this time range",
    ),
    Panel(
        title="What customers did",
        kind="meters",
        width=6,
        queries=[
            Query(
                "sort_desc(sum by (metric) (increase(cjstream_stage_touchpoints_total{<journey>}[$__range])) > 0)",
                "{{metric}}",
            )
        ],
        base=PURPLE,
        decimals=0,
        means="Touchpoints in the time range shown by what they count as: visits, leads, sales, referrals and so on.",
        normal="As on the same weekday a week ago.",
        do="Nothing here? Add `measures: {metrics: {}}` to the journey's definition.",
        empty="The journey measures no metrics",
    ),
]
