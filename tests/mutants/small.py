"""`make mutants`: small changes to the files that decide, each against the tests of its file.

mutmut makes the changes, in a copy of the tree; `forked` tries them. What runs while modules are imported
can't be tried in a fork, so such changes get a process of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from tests.mutants.forked import CHANGES, VERDICTS

TREE = Path("mutants")
MODULES = {
    "catalog.query": ("tests/catalog/test_query.py",),
    "router.endpoints": ("tests/router/test_endpoints.py",),
    "router.guard": ("tests/router/test_guard.py",),
    "router.pins": ("tests/router/test_pins.py", "tests/router/test_contents.py"),
    "router.planner": ("tests/router/test_planner.py",),
    "router.policy": ("tests/router/test_policy.py",),
    "router.rules": ("tests/router/test_rules.py", "tests/router/test_planner.py"),
    "router.signals": ("tests/router/test_signals.py",),
    "router.target": ("tests/router/test_target.py",),
}
"""The files that decide, and the tests that are to notice."""

# These go through the whole shipped catalog, which takes longer than all others together.
SLOW = (
    "test_allowed_and_refused_together",
    "test_of_every_model_what_is_allowed",
    "test_only_claimed_locations",
    "test_every_candidate_under_a_residency",
    "test_a_prompt_is_bound_to_nothing",
)
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=no", "--assert=plain")


def main(modules: list[str]) -> int:
    """Tries every change to these modules, or to all; prints what survives."""
    _make_tree()
    for module in modules or MODULES:
        begun, changes = time.monotonic(), _changes(module)
        verdicts = _verdicts(module, changes)
        alive = [each for each in changes if not verdicts[each] and not _noticed_at_import(module, each, verdicts)]
        seconds = time.monotonic() - begun
        print(f"{module}: {len(changes)} changes, {len(alive)} survive, {seconds:.0f} s", flush=True)
        for each in alive:
            print(_shown(each, module))
    return 0


def _make_tree() -> None:
    from mutmut.__main__ import create_mutants  # noqa: PLC0415 - only the environment of mutants has it
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths  # noqa: PLC0415

    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir()
    with redirect_stdout(StringIO()):  # they name every file
        copy_src_dir()
        copy_also_copy_files()
        setup_source_paths()
        create_mutants(1)


def _file(module: str) -> Path:
    return Path(module.replace(".", "/") + ".py")


def _changes(module: str) -> list[str]:
    meta = TREE / f"{_file(module)}.meta"
    return list(json.loads(meta.read_text("utf-8"))["exit_code_by_key"])


def _verdicts(module: str, changes: list[str]) -> dict[str, str | None]:
    """For each change the test that noticed it; empty if none did, None if none reaches it."""
    with tempfile.TemporaryDirectory() as directory:
        asked, told = Path(directory) / "changes", Path(directory) / "verdicts"
        asked.write_text(json.dumps(changes), "utf-8")
        command = [*_PYTEST, "-p", "tests.mutants.forked", "-k", f"not ({' or '.join(SLOW)})", *MODULES[module]]
        settings = {**os.environ, CHANGES: str(asked.resolve()), VERDICTS: str(told.resolve())}
        ran = subprocess.run(command, cwd=TREE, env=settings, capture_output=True, text=True, check=False)
        if not told.exists():
            raise RuntimeError(f"{module}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        found: dict[str, str | None] = json.loads(told.read_text("utf-8"))
        return found


def _noticed_at_import(module: str, change: str, verdicts: dict[str, str | None]) -> bool:
    if verdicts[change] is not None:
        return False
    command = [*_PYTEST, *MODULES[module]]
    settings = {**os.environ, "MUTANT_UNDER_TEST": change}
    return subprocess.run(command, cwd=TREE, env=settings, capture_output=True, check=False).returncode != 0


def _shown(change: str, module: str) -> str:
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415 - as above

    diff = get_diff_for_mutant(change, path=_file(module)).splitlines()
    changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([f"  {change}", *(f"    {line}" for line in changed)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
