"""Runs a command in which the emulator stands for Vertex AI, or tells a shell how to."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from router.emulator.emulator import Emulator
from router.emulator.environment import CLEARED, Flow

_NOT_FOUND = 127
_NOT_RUNNABLE = 126
_BY_SIGNAL = 128
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")


def run_under(emulator: Emulator, argv: Sequence[str], flow: Flow = "service_account") -> int:
    """Runs a command with the running emulator's environment, and gives its exit code.

    Signals that ask this process to end are passed on to the command. As in a shell, 127 and 126
    are the codes of a command that isn't found or can't be run, and 128 + n of one ended by signal n.
    """
    hidden = {*CLEARED}
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    try:
        process = subprocess.Popen(list(argv), env=inherited | emulator.environment(flow))  # noqa: S603 - the user's command
    except FileNotFoundError:
        return _NOT_FOUND
    except OSError:
        return _NOT_RUNNABLE
    with process, _passing_signals_to(process):
        code = process.wait()
    return code if code >= 0 else _BY_SIGNAL - code


def shell_lines(emulator: Emulator, flow: Flow = "service_account") -> str:
    """Lines that make a POSIX shell's later commands reach the running emulator."""
    lines = [f"unset {' '.join(CLEARED)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in emulator.environment(flow).items()]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _passing_signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Passes signals on while the context is held; outside the main thread, Python can't."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, _: FrameType | None) -> None:
        if not _sent_by_terminal(number):
            process.send_signal(number)

    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _sent_by_terminal(number: int) -> bool:
    """Whether a terminal has sent this signal to the command as well, as it does with Ctrl-C."""
    if number not in (signal.SIGINT, getattr(signal, "SIGQUIT", None)):
        return False
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, AttributeError):
        return False
