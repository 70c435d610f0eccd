"""`cjstream broker`."""

import os
import signal
import sys
from pathlib import Path

import rich_click as click

from cjstream import settings
from cjstream.local import LocalBroker


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9092, show_default=True,
              help="Port on 127.0.0.1. 0: the directory's last one, or any free one.")  # fmt: skip
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Where the cluster lives; default: `local-kafka` in CJSTREAM_DATA_DIR.")  # fmt: skip
def command(port: int, data_dir: Path | None) -> None:
    """Run a real Apache Kafka on this machine, without Docker or a system Java.

    Prints `ready HOST:PORT` when it takes requests, and runs until Ctrl-C or SIGTERM. The same directory
    and port continue the same cluster. It listens on loopback only. The first run fetches some 45 MB.
    """
    os.umask(0o077)  # the topics are for this user alone
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    with LocalBroker(port, data_dir=data_dir or settings.load().data_dir / "local-kafka") as broker:
        click.echo(f"ready {broker.servers}")
        broker.wait()
