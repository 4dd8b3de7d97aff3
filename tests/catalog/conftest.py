"""A small valid catalog on disk, for tests that break it in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = """\
[[source]]
id = "harbour-page"
title = "Where the birds are"
url = "https://docs.example/harbours"
published = 2026-01-01
retrieved = 2026-02-01

[[source]]
id = "tide-table"
title = "Tides"
published = 2026-01-02
retrieved = 2026-02-01
"""

JURISDICTIONS = """\
[[jurisdiction]]
id = "north"
name = "The North"
countries = ["de", "nl"]
"""

LOCATIONS = """\
[[location]]
id = "global"
kind = "global"
name = "worldwide"
host = "aiplatform.googleapis.com"
source = "harbour-page"

[[location]]
id = "north"
kind = "multi_region"
name = "The North"
host = "aiplatform.north.rep.googleapis.com"
jurisdiction = "north"
source = "harbour-page"

[[location]]
id = "north-west1"
kind = "region"
name = "Harlingen"
host = "north-west1-aiplatform.googleapis.com"
jurisdiction = "nl"
source = "harbour-page"

[[location]]
id = "south-west1"
kind = "region"
name = "Santos"
host = "south-west1-aiplatform.googleapis.com"
jurisdiction = "br"
source = "harbour-page"
"""

MODELS = """\
# The birds.

[[model]]
id = "robin-1"
name = "Robin 1"
publisher = "acme"
family = "robin"
task = "text"
aliases = ["robin-1@20260101"]
methods = ["sing"]
stage = "ga"
released = 2026-01-01

[model.limits]
context_tokens = 1_000
source = "harbour-page"
where = "first row"
checked = 2026-11-01

[model.retirement]
on = 2027-01-01
source = "harbour-page"
where = "last row"

[[model.availability]]
locations = [
    "north",
    "north-west1",
]
modes = ["standard"]
served = "yes"
from = 2026-01-01
source = "harbour-page"
where = "table 1"
checked = 2026-02-01

[[model.availability]]
locations = ["*"]
modes = ["standard"]
served = "no"
from = 2026-01-01
until = 2026-12-01
source = "tide-table"
where = "table 2"
checked = 2026-02-01

[[model.availability]]
locations = ["south-west1"]
modes = ["provisioned"]
served = "yes"
from = 2026-01-01
source = "harbour-page"
where = "table 5"
checked = 2026-02-01

[[model.processing]]
locations = ["north", "north-west1"]
boundary = "north"
from = 2026-01-01
source = "harbour-page"
where = "table 3"
checked = 2026-02-01

[[model]]
id = "wren-2"
name = "Wren 2"
publisher = "acme"
family = "wren"
task = "text"
methods = ["sing"]
stage = "preview"

[model.data_sharing]
terms = "the choirmaster listens"
source = "tide-table"
where = "small print"

[[model.processing]]
locations = ["south-west1"]
boundary = "br"
max_context_tokens = 500
from = 2026-01-01
source = "tide-table"
where = "table 4"
checked = 2026-02-01
"""

PRICES = """\
[[price]]
models = ["robin-1"]
locations = ["*"]
input = { text = "2" }
from = 2026-01-01
source = "harbour-page"
where = "price list"
checked = 2026-02-01
"""

FEATURES = """\
[[feature]]
id = "calling"
name = "Calling"

[[feature]]
id = "humming"
name = "Humming"

[[feature.localised]]
stays = "no"
from = 2026-01-02
source = "tide-table"
where = "table 9"
checked = 2026-02-01
"""

VALID = {
    "sources": SOURCES,
    "jurisdictions": JURISDICTIONS,
    "locations": LOCATIONS,
    "models/acme": MODELS,
    "features": FEATURES,
    "prices/acme": PRICES,
}
"""The files of the valid catalog, by name without `.toml`."""


def write_catalog(directory: Path, **overrides: str | bytes | None) -> Path:
    """Writes a small valid catalog of two models, and returns its directory.

    Args:
        overrides: another content for a file of `VALID` or for a new file, by name without `.toml`
            (`**{"models/acme": ...}`); None leaves the file out.
    """
    for name, content in {**VALID, **overrides}.items():
        if content is not None:
            file = directory / f"{name}.toml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def changed(name: str, *changes: tuple[str, str]) -> str:
    """The text of a file of the valid catalog with one passage replaced for each change."""
    text = VALID[name]
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} should be there once in {name}"
        text = text.replace(old, new)
    return text


def line_with(text: str, passage: str) -> int:
    """The 1-based line on which a passage begins."""
    assert text.count(passage) == 1, f"{passage!r} should be there once"
    return text[: text.index(passage)].count("\n") + 1


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write_catalog` into a fresh directory."""

    def into_tmp_path(**overrides: str | bytes | None) -> Path:
        return write_catalog(tmp_path, **overrides)

    return into_tmp_path
