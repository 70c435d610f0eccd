"""`cjstream top`."""

import asyncio
from urllib.parse import urlsplit

import rich_click as click

from cjstream import settings
from cjstream.errors import ConfigError
from cjstream.ops import METRICS, headers_of, read_token
from cjstream.ops.__main__ import ANYWHERE
from cjstream.settings import Settings

PORT = "CJSTREAM_METRICS_PORT"
TODO = "use http://HOST:PORT or https://HOST"


def _urls(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Return the addresses in full; each once."""
    return list(dict.fromkeys(map(_url, values)))


def _url(text: str) -> str:
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        is_right = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        raise click.BadParameter(f"{text!r} is no address; {TODO}") from None
    if url.username is not None:  # it may be a password: it is not repeated
        raise click.BadParameter("an address has a user name in it; use --token-file")
    if not is_right or not text.isprintable() or " " in text:
        raise click.BadParameter(f"{text!r} is no address; {TODO}")
    path = url.path if url.path not in {"", "/"} else METRICS
    return url._replace(path=path, fragment="").geturl()


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1, callback=_urls)
@click.option("--interval", "interval_seconds", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True,
              metavar="SECONDS", help="Between two looks; rates are means over it.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look twice, an interval apart, print one report, and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each interval, units in the keys.")
@click.option("--journey", metavar="NAME", help="Show this journey alone.")
@click.option("--token-file", type=click.Path(), default=None,
              help="File with the token that /metrics asks for. Default: CJSTREAM_METRICS_TOKEN_FILE.")  # fmt: skip
def command(
    urls: list[str],
    interval_seconds: float,
    once: bool,
    as_json: bool,
    journey: str | None,
    token_file: str | None,
) -> None:
    """Watch workers and journeys in the terminal, from /metrics: for a server without Grafana.

    URL is of a worker or of a supervisor, as in http://app-1:9464; default: this machine, at the port of the
    settings. Name several to see them as one. Keys: q or Ctrl-C to leave, 1 to 9 for one journey, 0 for all.
    Without a terminal it prints a report each interval. How to read it: docs/how-to/watch-in-a-terminal.md.

    Exit 1: no worker answers.
    """
    from cjstream.cli import top_run

    config = settings.load(metrics_token_file=token_file or "")
    headers = headers_of(read_token(config))
    look = top_run.Look(urls or [_own(config)], headers, interval_seconds, journey)
    asyncio.run(top_run.run(look, once=once, as_json=as_json))


def _own(config: Settings) -> str:
    """Return the address of this machine's worker."""
    if not config.metrics_port:
        raise ConfigError(PORT, 0, "the worker took any free port; give the URL that its log names")
    host = ANYWHERE.get(config.metrics_host, config.metrics_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.metrics_port}{METRICS}"
