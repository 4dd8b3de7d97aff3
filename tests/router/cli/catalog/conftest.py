"""The commands below `catalog`, over models of an overlay so that no answer depends on shipped claims."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from router.cli.main import main

ON = ["--on", "2026-11-21"]

OVERLAY = """
[[source]]
id = "our-probe"
title = "What we measured [/bold]"
published = 2026-11-01
retrieved = 2026-11-01

[[source]]
id = "their-letter"
title = "What they wrote"
url = "https://letters.example/1"
published = 2026-10-01
retrieved = 2026-11-01

[[model]]
id = "robin-1"
name = "Robin 1"
publisher = "acme"
family = "robin"
task = "text"
aliases = ["robin-1@001"]
methods = ["sing"]
stage = "ga"
released = 2026-09-01

[model.limits]
context_tokens = 1_000
source = "their-letter"
where = "line 1"
checked = 2026-11-01

[model.retirement]
on = 2026-12-24
successor = "robin-2"
source = "their-letter"
where = "line 2"

[[model.availability]]
locations = ["eu", "europe-west4", "northamerica-northeast1"]
modes = ["standard", "batch"]
served = "yes"
from = 2026-10-01
source = "their-letter"
where = "line 3"
checked = 2026-11-01

[[model.availability]]
locations = ["us"]
modes = ["standard"]
served = "no"
from = 2026-10-01
until = 2026-11-01
source = "their-letter"
where = "line 4"
checked = 2026-11-01
note = "not before November"

[[model.availability]]
locations = ["us"]
modes = ["standard"]
served = "yes"
from = 2026-11-01
source = "our-probe"
where = "the log"
checked = 2026-11-01
confidence = "low"

[[model.processing]]
locations = ["eu"]
boundary = "eu"
from = 2026-10-01
source = "their-letter"
where = "line 5"
checked = 2026-11-01

[[model.processing]]
locations = ["europe-west4"]
boundary = "nl"
max_context_tokens = 500
from = 2026-10-01
source = "our-probe"
where = "the log"
checked = 2026-11-01

[[model]]
id = "wren-1"
name = "Wren 1"
publisher = "acme"
family = "wren"
task = "text"
methods = ["sing"]
stage = "preview"

[model.retirement]
on = 2026-11-20
source = "their-letter"
where = "line 6"

[[model.availability]]
locations = ["global"]
modes = ["standard"]
served = "yes"
from = 2026-10-01
until = 2026-12-01
source = "their-letter"
where = "line 7"
checked = 2026-11-01

[[model]]
id = "wryneck-of-the-northern-woods-with-a-long-name"
name = "Wryneck"
publisher = "acme"
family = "wryneck"
task = "image"
methods = ["hoot"]
stage = "ga"

[model.retirement]
on = 2026-11-19
confirmed = true
source = "their-letter"
where = "line 8"

[[model.availability]]
locations = ["eu"]
modes = ["standard"]
served = "yes"
from = 2026-10-01
source = "their-letter"
where = "line 9"
checked = 2026-11-01

[[availability]]
model = "robin-1"
locations = ["eu"]
modes = ["provisioned"]
served = "yes"
from = 2026-10-01
source = "our-probe"
where = "the log"
checked = 2026-11-01

[[reservation]]
model = "robin-1"
location = "eu"
gsu = 5
until = 2027-01-01

[[denied]]
locations = ["northamerica-northeast1"]
models = ["robin-1"]
reason = "under review"

[[private_endpoint]]
locations = ["eu"]
host = "{location}-birds.p.example"
"""


class Answer(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        return " ".join(self.out.split())

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Ask = Callable[..., Answer]


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(OVERLAY, encoding="utf-8")
    return file


@pytest.fixture
def ask(overlay: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs `catalog` with these arguments over the overlay, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def asking(*arguments: str, on: Sequence[str] = ON) -> Answer:
        code = main(["catalog", *arguments, "--overlay", str(overlay), *on])
        return Answer(code, *capsys.readouterr())

    return asking
