"""`make mutants-of-rules`: widens each rule in a copy of the tree; fails unless the named tests notice."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.widening import DOCS, copy_of_the_tree, documented, failing, unnoticed, widenings


def main(wanted: list[str]) -> int:
    """Tries every patch, or those that are named; with all of them noticed, writes the table of docs/security.md."""
    rows = [each for each in widenings() if not wanted or each.id in wanted]
    begun, missed = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as directory:
        tree = copy_of_the_tree(Path(directory))
        tests = tuple(dict.fromkeys(test for each in rows for test in each.tests))
        if broken := failing(tree, tests):
            print("fail without any patch:", *sorted(broken), sep="\n  ")
            return 1
        for each in rows:
            silent = unnoticed(tree, each)
            missed += bool(silent)
            print(f"{'MISSED ' if silent else 'noticed'} {each.id}", *silent, sep="\n    ", flush=True)
    print(f"{len(rows)} rules widened, {len(rows) - missed} noticed, in {time.monotonic() - begun:.0f} s")
    if not missed and not wanted:
        DOCS.write_text(documented(DOCS.read_text("utf-8"), rows), "utf-8")
    return bool(missed) or not rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
