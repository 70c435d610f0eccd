"""`cjstream demo`."""

from typing import Any

import rich_click as click


@click.command()
@click.option("--customers", type=click.IntRange(1), default=20_000, show_default=True,
              help="How many to make up; each has about 9 touchpoints.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1), default=2000, show_default=True, help="Touchpoints a second.")
@click.option("--seed", type=click.IntRange(0), default=None,
              help="The same number gives the same customers; default: new ones each time.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=None,
              help="Stop after so long; default: at Ctrl-C, or when all is done if nobody watches.")  # fmt: skip
@click.option("--servers", envvar="CJSTREAM_KAFKA__BOOTSTRAP_SERVERS", show_envvar=True, default=None,
              help="Use this broker; default: start one for the demo, which keeps nothing.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="Port of the demo's own broker. 0: any free one.")  # fmt: skip
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=9464, show_default=True,
              help="Port of the worker's /metrics. 0: any free one.")  # fmt: skip
@click.pass_context
def command(ctx: click.RichContext, /, **options: Any) -> None:
    """Watch cjstream at work: a broker, a worker, and a month in the life of a made-up shop.

    Shows customers by stage, speed, lag and the latest transitions; if the output is no terminal, as a plain
    line each second. Ctrl-C stops and removes everything. The first run fetches some 45 MB. On a broker of your
    own, topic names and app id are those of your settings, and the topics stay.
    """
    from cjstream.cli import demo_run

    ctx.exit(demo_run.main(demo_run.Plan(**options)))
