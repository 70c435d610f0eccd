"""The command line: `cjstream COMMAND`, one file per command.

A command is imported when it is called, or for the list in `--help`; so none but the worker imports Faust, and that
when it runs. This file is the one place where an error becomes a text on stderr and an exit code.
"""

import errno
import importlib
import os
import sys
from typing import Any

import rich_click as click
from click.exceptions import Abort, ClickException, Exit

from cjstream import __version__, discretion
from cjstream.errors import CjstreamError

COMMANDS = (
    "demo", "broker", "topics", "worker", "send", "generate", "transitions", "stages", "inspect", "why", "status",
    "top", "dead-letter", "validate", "replay-diff", "report", "forget",
)  # fmt: skip
EXIT_BUG, EXIT_UNWRITTEN, EXIT_INTERRUPTED = 70, 74, 130
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of a disk, and so what output goes to


class Commands(click.RichGroup):
    """The group of COMMANDS: each is the object `command` of the module of its name, dashes as underscores."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the names in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:  # noqa: ARG002 - as click calls it
        """Return the command, imported now; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"cjstream.cli.{cmd_name.replace('-', '_')}").command
        command.name = cmd_name  # the help shows it
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end the process with the exit code of the error, if one comes."""
        try:
            return super().invoke(ctx)
        except CjstreamError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)
        except (ClickException, Exit, Abort, BrokenPipeError):
            raise  # click has its own way with these
        except Exception as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again at its end
                ctx.exit(EXIT_UNWRITTEN)
            click.echo(f"{discretion.trace(error)}\nerror: this is a bug in cjstream, please report it", err=True)
            ctx.exit(EXIT_BUG)


def _show_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        from cjstream.core.state import VERSION  # no other command needs it this early

        click.echo(f"cjstream, version {__version__}, state version {VERSION}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version, and that of the state it writes, and exit.",
)  # fmt: skip
def main() -> None:
    """Customer journeys as a stream: touchpoints in, stage transitions out, on Kafka.

    Settings come from the environment, such as CJSTREAM_KAFKA__BOOTSTRAP_SERVERS (127.0.0.1:9092).

    Exit codes: 0 ok, 1 the answer is no, 2 usage or setting, 3 broker unreachable, 4 topics, state
    and input do not fit, 70 bug, 74 output not written, 75 stopped to be restarted, 130 Ctrl-C.
    """
