"""A pytest plugin that tries mutmut's changes to one module, each in a fork of a process that has collected the tests.

mutmut itself starts pytest anew for each change, which takes longer than most tests. Here all is imported
and collected once; a change then takes as long as the tests up to the first that notices it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

CHANGES, VERDICTS = "SMALL_CHANGES", "SMALL_VERDICTS"
"""Variables that name two files: a list of changes, and where the verdicts are to be written."""

_CPU_S = 5
"""A change may make a loop endless; a test that computes for so long has noticed. The slowest takes half a second."""


def pytest_configure(config: pytest.Config) -> None:
    if CHANGES in os.environ:
        config.pluginmanager.register(_Forked(json.loads(Path(os.environ[CHANGES]).read_text("utf-8"))))


class _Forked:
    def __init__(self, changes: list[str]) -> None:
        self._changes = changes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if (failing := _in_fork(lambda: _first_failing(session.items))) != "":
            pytest.exit(f"fails without any change: {failing}", returncode=1)
        gc.freeze()
        # One at a time: what one test has left in a cache, the next would not be seen to reach.
        reached = {item: _in_fork(partial(_functions_reached, item)) or () for item in session.items}
        noticed: Counter[str] = Counter()
        verdicts: dict[str, str | None] = {}
        for change in self._changes:
            function = change.rpartition("__mutmut_")[0]
            asked = [item for item in session.items if function in reached[item]]
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
    return "the end of the process" if found is None else str(found)


def _in_fork(task: Callable[[], Any]) -> Any:
    """What a task gives in a copy of this process; None if the copy was ended, as by its time limit."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
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
        signal.setitimer(signal.ITIMER_PROF, _CPU_S)
        signal.alarm(40 * _CPU_S)  # on a busy machine
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return item.nodeid
    return ""


def _functions_reached(item: pytest.Item) -> list[str]:
    """Which changed functions a test reaches, as the changed code itself records it."""
    from mutmut.state import state  # noqa: PLC0415 - only the environment of mutants has it

    _set("stats")
    state()._stats.clear()
    runtestprotocol(item, log=False, nextitem=None)
    return sorted(state()._stats)


def _set(change: str) -> None:
    from mutmut.mutation.trampoline import set_mutant_under_test  # noqa: PLC0415 - as above

    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    set_mutant_under_test(change)
