"""A pytest plugin that tries mutmut's changes to one module, each in a fork of a process that has collected the tests.

mutmut itself starts pytest anew for each change, which takes longer than most tests. Here all is imported
and collected once; a change then takes as long as the tests up to the first that notices it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

CHANGES, VERDICTS = "SMALL_CHANGES", "SMALL_VERDICTS"
"""Variables that name two files: a list of changes, and where the verdicts are to be written."""

_CPU_S, _WALL_S = 40, 200
"""A change may make a loop endless; who takes so long has noticed."""


def pytest_configure(config: pytest.Config) -> None:
    if CHANGES in os.environ:
        config.pluginmanager.register(_Forked(json.loads(Path(os.environ[CHANGES]).read_text("utf-8"))))


class _Forked:
    def __init__(self, changes: list[str]) -> None:
        self._changes = changes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if failing := _in_fork(lambda: _first_failing(session.items)):
            pytest.exit(f"fails without any change: {failing}", returncode=1)
        covered = _in_fork(lambda: _functions_by_test(session.items)) or {}
        gc.freeze()
        noticed: Counter[str] = Counter()
        verdicts: dict[str, str | None] = {}
        for change in self._changes:
            function = change.rpartition("__mutmut_")[0]
            asked = [item for item in session.items if function in covered[item.nodeid]]
            asked.sort(key=lambda item: -noticed[item.nodeid])
            verdicts[change] = _noticed_by(change, asked) if asked else None
            noticed[verdicts[change] or ""] += 1
        Path(os.environ[VERDICTS]).write_text(json.dumps(verdicts), "utf-8")
        return True


def _noticed_by(change: str, items: list[pytest.Item]) -> str:
    """The test that notices a change; empty if none does."""

    def tried() -> str:
        _set(change)
        return _first_failing(items)

    found = _in_fork(tried)
    return "time limit" if found is None else str(found)


def _in_fork(task: Callable[[], Any]) -> Any:
    """What a task gives in a copy of this process; None if the copy was ended, as by its time limit."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
            signal.alarm(_WALL_S)
            with os.fdopen(write, "w") as answer:
                json.dump(task(), answer)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else None


def _first_failing(items: Iterable[pytest.Item]) -> str:
    for item, following in pairwise([*items, None]):
        assert item is not None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return item.nodeid
    return ""


def _functions_by_test(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """Which changed functions each test reaches, as the changed code itself records it."""
    from mutmut.state import state  # noqa: PLC0415 - only the environment of mutants has it

    _set("stats")
    found = {}
    for item in items:
        state()._stats.clear()
        runtestprotocol(item, log=False, nextitem=None)
        found[item.nodeid] = sorted(state()._stats)
    return found


def _set(change: str) -> None:
    from mutmut.mutation.trampoline import set_mutant_under_test  # noqa: PLC0415 - as above

    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    set_mutant_under_test(change)
