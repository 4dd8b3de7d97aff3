"""The rules for catalog data: each tried on a bad example, and all of them on what is shipped."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from catalog import InvalidCatalog, Problem, load
from catalog.lint import RULES, STRUCTURE, lint
from catalog.loader import SHIPPED, catalog_draft, overlay_draft
from tests.catalog.conftest import changed, line_with

Write = Callable[..., Path]
TODAY = date(2026, 11, 21)


def found(rule: str, directory: Path, today: date = TODAY) -> list[Problem]:
    """What one rule says of a catalog on disk."""
    unread: list[Problem] = []
    draft = catalog_draft(directory, unread)
    assert not unread
    return lint(draft, today, {rule: RULES[rule]})


class Example(NamedTuple):
    """One passage of the valid catalog replaced by a bad one, and what the rule must say of it.

    `at` is a passage of the line to be named, by default the bad one itself.
    """

    rule: str
    file: str
    right: str
    wrong: str
    entry: str
    field: str
    expected: str
    at: str = ""


ROBIN = "model 'robin-1'"
EXAMPLES = [
    Example("unique", "models/acme", 'id = "wren-2"', 'id = "robin-1"',
            ROBIN, "id", "'robin-1' is already a name of 'robin-1'", at='id = "robin-1"\nname = "Wren 2"'),
    Example("references", "models/acme", 'boundary = "br"', 'boundary = "moon"',
            "model 'wren-2'", "processing[0].boundary", "'moon' is not a jurisdiction"),
    Example("places", "locations", 'jurisdiction = "br"', 'jurisdiction = "nort"',
            "location 'south-west1'", "jurisdiction", "expected the country of the region",
            at='jurisdiction = "nort"'),
    Example("periods", "models/acme", "until = 2026-12-01", "until = 2026-01-01",
            ROBIN, "availability[1].until", "before it begins"),
    Example("unbounded", "models/acme", '["south-west1"]\nboundary = "br"', '["global"]\nboundary = "br"',
            "model 'wren-2'", "processing[0].boundary", "global has no boundary; expected boundary = 'none'",
            at='boundary = "br"'),
    Example("hosts", "locations", 'host = "south-west1-aiplatform', 'host = "south-west2-aiplatform',
            "location 'south-west1'", "host", "expected south-west1-aiplatform.googleapis.com"),
    Example("order", "models/acme", 'id = "wren-2"', 'id = "owl-2"',
            "model 'owl-2'", "id", "stands after 'robin-1'"),
    Example("sources", "sources", '[[source]]\nid = "tide-table"',
            '[[source]]\nid = "moon"\ntitle = "M"\npublished = 2026-01-01\nretrieved = 2026-01-01\n\n'
            '[[source]]\nid = "tide-table"',
            "source 'moon'", "id", "no claim names this source", at='id = "moon"'),
    Example("dates", "models/acme", 'where = "table 4"\nchecked = 2026-02-01',
            'where = "table 4"\nchecked = 2026-11-22',
            "model 'wren-2'", "processing[0].checked", "in the future", at="checked = 2026-11-22"),
    Example("dates", "models/acme", 'where = "table 4"\nchecked = 2026-02-01',
            'where = "table 4"\nchecked = 2026-01-01',
            "model 'wren-2'", "processing[0].checked", "before its source of 2026-01-02", at="checked = 2026-01-01"),
    Example("dates", "models/acme", 'where = "first row"\nchecked = 2026-11-01',
            'where = "first row"\nchecked = 2025-12-31',
            ROBIN, "limits.checked", "before its source of 2026-01-01", at="checked = 2025-12-31"),
    Example("dates", "sources", 'published = 2026-01-02\nretrieved = 2026-02-01',
            'published = 2026-01-02\nretrieved = 2026-01-01',
            "source 'tide-table'", "retrieved", "before it was published on 2026-01-02", at="retrieved = 2026-01-01"),
    Example("unique", "features", 'id = "humming"\n', 'id = "calling"\n',
            "feature 'calling'", "id", "'calling' is already a name of 'calling'",
            at='id = "calling"\nname = "Humming"'),
    Example("order", "features", 'id = "calling"\n', 'id = "yodelling"\n',
            "feature 'humming'", "id", "stands after 'yodelling'", at='id = "humming"'),
    Example("references", "features", 'source = "tide-table"', 'source = "moon"',
            "feature 'humming'", "localised[0].source", "'moon' is not a source"),
    Example("overlaps", "models/acme", '["*"]', '["north"]',
            ROBIN, "availability[1].from", "from 2026-01-01 on another claim speaks of north standard too"),
    Example("provisioned", "locations", 'jurisdiction = "br"\n', 'jurisdiction = "br"\nserves_models = false\n',
            ROBIN, "availability[2].locations", "south-west1 serves no models",
            at='locations = ["south-west1"]\nmodes = ["provisioned"]'),
    Example("prices", "prices/acme", 'input = { text = "2" }', "input = { text = 2.5 }",
            "price #1", "input", "expected an amount in quotes", at="input ="),
]  # fmt: skip


def bad(write: Write, example: Example) -> Path:
    return write(**{example.file: changed(example.file, (example.right, example.wrong))})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.rule}: {example.expected}")
def test_a_bad_example_is_told_with_its_place(write: Write, example: Example) -> None:
    (problem,) = found(example.rule, bad(write, example))
    assert (problem.entry, problem.field) == (example.entry, example.field)
    assert example.expected in problem.message
    if example.at:
        assert problem.line == line_with(Path(problem.file).read_text(encoding="utf-8"), example.at)


@pytest.mark.parametrize("rule", RULES)
def test_the_good_catalog_breaks_no_rule(write: Write, rule: str) -> None:
    assert found(rule, write()) == []


def test_every_rule_is_tried() -> None:
    of_overlays = {"widening", "templates"}  # tests/catalog/test_overlay.py
    assert {example.rule for example in EXAMPLES} | of_overlays == set(RULES)


def test_what_the_code_relies_on_is_never_loaded_and_the_rest_is_told_by_lint_alone(write: Write) -> None:
    for example in EXAMPLES:
        directory = bad(write, example)
        if example.rule in STRUCTURE:
            with pytest.raises(InvalidCatalog, match=re.escape(example.expected)):
                load(directory)
        else:
            assert load(directory).models


def test_a_claim_checked_today_is_not_of_the_future(write: Write) -> None:
    example = next(each for each in EXAMPLES if each.expected == "in the future")
    assert found("dates", bad(write, example), date(2026, 11, 22)) == []


def test_problems_come_in_the_order_of_files_and_lines(write: Write) -> None:
    locations = changed("locations", ('host = "aiplatform.googleapis.com"', 'host = "x.example"'))
    models = changed(
        "models/acme",
        ('id = "wren-2"', 'id = "owl-2"'),
        ('where = "table 2"\nchecked = 2026-02-01', 'where = "table 2"\nchecked = 2026-01-01'),
    )
    told = lint(catalog_draft(write(locations=locations, **{"models/acme": models}), []), TODAY)
    assert [(Path(each.file).stem, each.field) for each in told] == [
        ("locations", "host"),
        ("acme", "availability[1].checked"),
        ("acme", "id"),
    ]


# Overlays

OVERLAY_SOURCE = """
[[source]]
id = "our-probe"
title = "What we measured"
published = 2026-11-01
retrieved = 2026-11-01
"""
RESERVATION = (
    '[[reservation]]\nmodel = "robin-1"\nlocation = "north-west1"\ngsu = 2\nmode = "single_zone_provisioned"\n'
)
OWN = (
    '[[availability]]\nmodel = "robin-1"\nlocations = ["north-west1"]\nmodes = ["single_zone_provisioned"]\n'
    'served = "yes"\nfrom = 2026-11-01\nsource = "our-probe"\nwhere = "log"\nchecked = 2026-11-01\n'
)


def of_overlay(write: Write, tmp_path: Path, text: str) -> list[Problem]:
    file = tmp_path / "own.toml"
    file.write_text(text, encoding="utf-8")
    unread: list[Problem] = []
    draft = overlay_draft(file, load(write()), unread)
    assert not unread
    return lint(draft, TODAY)


def test_a_reservation_where_nothing_is_sold_is_told_with_the_cure(write: Write, tmp_path: Path) -> None:
    (problem,) = of_overlay(write, tmp_path, RESERVATION)
    assert (problem.entry, problem.field, problem.line) == ("reservation #1 (robin-1)", "location", 3)
    assert "not known to be served there in single_zone_provisioned mode" in problem.message
    assert "add an [[availability]] of your own" in problem.message


def test_a_reservation_is_fine_with_a_claim_of_the_catalog_or_an_own_one(write: Write, tmp_path: Path) -> None:
    bought = RESERVATION.replace("single_zone_", "").replace("north-west1", "south-west1")
    assert of_overlay(write, tmp_path, bought) == []
    assert of_overlay(write, tmp_path, OVERLAY_SOURCE + OWN + RESERVATION) == []


def test_a_reservation_for_another_mode_or_a_model_of_the_overlay_needs_a_claim_too(
    write: Write, tmp_path: Path
) -> None:
    zonal = OWN.replace("single_zone_provisioned", "provisioned")
    (problem,) = of_overlay(write, tmp_path, OVERLAY_SOURCE + zonal + RESERVATION)
    assert "in single_zone_provisioned mode" in problem.message
    model = (
        '[[model]]\nid = "jay-1"\nname = "J"\npublisher = "acme"\nfamily = "jay"\ntask = "text"\nmethods = ["sing"]\n'
    )
    model += 'stage = "ga"\naliases = ["jay"]\n'
    (problem,) = of_overlay(write, tmp_path, model + RESERVATION.replace("robin-1", "jay"))
    assert "jay is not known to be served there in single_zone_provisioned mode (no claim says so)" in problem.message
    sold = OWN.replace("robin-1", "jay-1")
    assert of_overlay(write, tmp_path, OVERLAY_SOURCE + model + sold + RESERVATION.replace("robin-1", "jay")) == []


def test_a_later_own_claim_supersedes_and_does_not_contradict(write: Write, tmp_path: Path) -> None:
    later = OWN.replace("from = 2026-11-01", "from = 2026-11-02").replace("yes", "no")
    assert of_overlay(write, tmp_path, OVERLAY_SOURCE + OWN + later) == []
    (problem,) = of_overlay(write, tmp_path, OVERLAY_SOURCE + OWN + OWN.replace("yes", "no"))
    assert "on another claim speaks of north-west1 single_zone_provisioned too" in problem.message


# What is shipped


@pytest.mark.parametrize("rule", RULES)
def test_the_shipped_catalog_breaks_no_rule(rule: str) -> None:
    assert found(rule, SHIPPED, date.max) == []
