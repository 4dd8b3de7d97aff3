"""Errors of the emulator.

EmulatorError            base of all
├── MissingExtra         the packages of the `emulator` extra aren't installed
├── InvalidScenario      a scenario doesn't validate; lists every problem found
├── NotRunning           asked for something that only a running emulator has
└── StartFailed          it didn't come up in time, or couldn't listen
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog import Problem


class EmulatorError(Exception):
    """Base of all errors of this package."""


class MissingExtra(EmulatorError):
    """A package that only the emulator needs isn't installed."""

    def __init__(self, package: str, install: str = "'vertex-router[emulator]'") -> None:
        self.package = package
        super().__init__(f"the emulator needs {package!r}; install it with: pip install {install}")


class InvalidScenario(EmulatorError):
    """A scenario doesn't validate; `problems` says where and what was expected."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotRunning(EmulatorError):
    """The emulator hasn't been started, or is closed: use it as a context manager."""


class StartFailed(EmulatorError):
    """The emulator didn't come up; the cause says why."""
