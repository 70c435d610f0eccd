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
@click.option(
    "--processes",
    type=click.IntRange(1, 256),  # as many as there are slots
    default=1,
    show_default=True,
    help="So many workers on this machine, at most one per partition. They are started again when they fail, "
    "and share one port, where `worker` tells them apart.",
)
@click.option("--number", type=int, default=None, hidden=True)  # of a worker under a supervisor, which gives it
@click.pass_context
def command(
    ctx: click.Context, journeys: tuple[str, ...], metrics_port: int | None, processes: int, number: int | None
) -> None:
    """Turn touchpoints into stage transitions until Ctrl-C or SIGTERM.

    The topics must exist (`cjstream topics create`). Workers with the same CJSTREAM_APP_ID share the work, on one
    machine or several. One worker uses one core: on a machine with more, take more `--processes`.
    """
    from cjstream.logs.setup import hold  # no other command needs it

    hold()
    port = "" if metrics_port is None else str(metrics_port)
    config = settings.load(journeys=":".join(journeys), metrics_port=port)
    if number is not None:
        ctx.exit(_work_under_supervisor(config, number))
    ctx.exit(_work(config) if processes == 1 else _supervise(config, processes))


def _work(config: settings.Settings) -> int:
    from cjstream.stream import run  # no other command waits for Faust

    return run.main(config)


def _supervise(config: settings.Settings, processes: int) -> int:
    from cjstream import supervisor

    return supervisor.main(config, processes)


def _work_under_supervisor(config: settings.Settings, number: int) -> int:
    from cjstream.supervisor import link

    link.end_with_supervisor()  # before the long import, during which it may end too
    from cjstream.stream import run

    return run.main(config, run.Place(number, link.announce))
