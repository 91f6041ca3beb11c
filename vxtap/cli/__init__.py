"""The command `vxtap`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from vxtap.cli.parser import build_parser
from vxtap.cli.text import say
from vxtap.errors import OptionError, VxtapError
from vxtap.source import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import FrameType

USAGE, UNREADABLE = 2, 3


# Signals that end a job early: Ctrl-C, `kill`, a terminal that is closed.
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """A signal, on its way through the clean-up."""


def _on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    for each in _ENDINGS:  # a second one, out of impatience, must not stop the clean-up
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else _Ended(number)


def _catch_signals() -> dict[signal.Signals, Any]:
    """Take over the signals, but those that are ignored, as under `nohup`: how they were handled before."""
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    before = {number: how for number, how in before.items() if how not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, _on_signal)
    return before


def _die_of(number: int) -> int:
    """End as if the signal had never been caught, so that a calling shell sees what it expects."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def run(args: argparse.Namespace) -> int:
    """Do one command: its exit status. Errors are told in one line."""
    try:
        status: int = args.run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OptionError as error:
        say(f"vxtap: {error}")
        return USAGE
    except VxtapError as error:
        say(f"vxtap: {error}")
        return UNREADABLE
    except OSError as error:
        where = f"{printable(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        say(f"vxtap: {where}{error.strerror or error}")
        return UNREADABLE
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 done; 1 done, but ``--strict`` found something; 2 usage; 3 unreadable or unwritable.
    """
    args = build_parser().parse_args(argv)
    before = _catch_signals()
    try:
        return run(args)
    except BrokenPipeError:
        return _die_of(signal.SIGPIPE)
    except KeyboardInterrupt:
        return _die_of(signal.SIGINT)
    except _Ended as ended:
        return _die_of(ended.args[0])
    finally:
        for number, how in before.items():
            signal.signal(number, how)
