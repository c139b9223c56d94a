"""The command `lastscan`: its subcommands live in `lastscan.commands`, one subject a file."""

import importlib
import sys
from collections.abc import Sequence

import click

COMMANDS = {
    "up": "running",
    "broker": "running",
    "tracker": "running",
    "notify": "running",
    "web": "running",
    "fleet": "running",
    "doctor": "doctor",
    "backup": "keeping",
    "restore": "keeping",
    "device": "device",
    "gap": "gap",
    "staff": "staff",
    "audit": "audit",
    "desk": "desk",
    "key": "key",
    "pin": "pin",
    "network": "network",
    "feed": "feed",
    "feedback": "feedback",
    "webhook": "webhook",
    "track": "looking",
    "unmatched": "looking",
    "quarantine": "looking",
    "incidents": "incidents",
    "log": "looking",
    "rebuild": "looking",
    "decode": "capture",
    "identify": "identify",
    "label": "capture",
    "bagmsg": "bagmsg",
    "bags": "bags",
    "scan": "scan",
    "sim": "sim",
    "bench": "bench",
    "simulate": "simulate",
    "prove": "prove",
    "notices": "notices",
    "proofs": "proofs",
    "replay": "replay",
    "learn": "replay",
    "learn-eta": "eta",
    "eta-check": "eta",
}
"""Which file of `lastscan.commands` each subcommand is in; read only when it is called, so that `--help` is quick."""

FAILED, UNAVAILABLE, CONFIGURATION, INTERRUPTED = 1, 69, 78, 130


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(f"lastscan.commands.{COMMANDS[cmd_name]}"), cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lastscan")
def lastscan() -> None:
    """One true timeline of every parcel and bag, and the right person told once."""


def main(words: Sequence[str] | None = None) -> None:
    """Runs the command, of these words or of those this process was called with, and ends the process.

    An error that somebody can mend ends it with one line and its exit code.
    """
    try:
        lastscan(None if words is None else list(words), prog_name="lastscan")
    except Exception as wrong:
        line, code = _for_people(wrong)
        if line is None:
            raise
        click.echo(f"lastscan: {line}", err=True)
        sys.exit(code)


def _for_people(wrong: Exception) -> tuple[str | None, int]:
    """The line and exit code for an error; no line for a mistake of ours."""
    # Imported here: hardly any command meets an error, and most need none of this.
    from sqlalchemy.exc import SQLAlchemyError

    from lastscan.broker import BrokerFailedError, BrokerUnavailableError, UnknownBrokerError
    from lastscan.probes import UnsafeError
    from lastscan.up import InterruptedStartError
    from tracker.domain.errors import LastscanError

    match wrong:
        case UnknownBrokerError() | UnsafeError():
            return str(wrong), CONFIGURATION
        case BrokerUnavailableError() | BrokerFailedError():
            return str(wrong), UNAVAILABLE
        case InterruptedStartError():
            return str(wrong), INTERRUPTED
        case LastscanError():
            return str(wrong), FAILED
        case SQLAlchemyError():
            return f"the database does not answer: {str(wrong).splitlines()[0]}", UNAVAILABLE
    return None, FAILED
