"""The tests that docs/security.md names are there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(NAMED.findall((TESTS.parent / "docs/security.md").read_text("utf-8")))
    assert len(named) > 60
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (TESTS / file).read_text("utf-8")]
    assert missing == []
