"""`cjstream generate`."""

from typing import Any

import rich_click as click


@click.command()
@click.option("--customers", type=click.IntRange(1), default=None,
              help="Stop when so many are through, with about 9 touchpoints each; default: go on.")  # fmt: skip
@click.option("--rate", type=click.IntRange(1), default=100, show_default=True, help="Touchpoints a second.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=None,
              help="Stop after so long; default: at Ctrl-C.")  # fmt: skip
@click.option("--days", type=click.IntRange(1), default=30, show_default=True,
              help="Event times lie within so many days up to now.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=None,
              help="The same number gives the same customers; default: new ones each time.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask, also where Kafka is on another machine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end, in place of the sentence.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Send made-up customers of a shop, and its advertising, to a running pipeline: for boards and load.

    Without --customers one small shop follows the other, each with customers of its own, until --seconds are over
    or Ctrl-C. The topics must be there: `cjstream topics create`. Numbers of the advertising are sent as facts at
    the start and each minute, and grow with the customers.

    Made-up customers stay among the real ones. So it asks first if Kafka is on another machine, without --yes; exit 1
    if the answer is no.

    Ends with what was sent, when all of it is durable; with 0, or with 130 after Ctrl-C.
    """
    from cjstream.cli import generate_run

    ctx.exit(generate_run.main(generate_run.Plan(**options)))
