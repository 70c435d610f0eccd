"""`cjstream worker`."""

import rich_click as click

from cjstream import settings


@click.command()
@click.option(
    "--journey",
    "journeys",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A journey definition; may be repeated. Default: CJSTREAM_JOURNEYS, else the shipped `shop`.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port of /metrics, /livez and /readyz; 0: any free one. Default: CJSTREAM_METRICS_PORT, else 9464.",
)
@click.pass_context
def command(ctx: click.Context, journeys: tuple[str, ...], metrics_port: int | None) -> None:  # fmt: skip
    """Turn touchpoints into stage transitions until Ctrl-C or SIGTERM.

    The topics must exist (`cjstream topics create`). Workers with the same CJSTREAM_APP_ID share the work.
    """
    from cjstream.stream import run  # no other command waits for Faust

    ctx.exit(run.main(settings.load(), journeys, metrics_port))
