"""The files of prices: those that are shipped, and what is said of bad ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import catalog
from catalog import InvalidCatalog, Problem, prices
from catalog.costs import Usage
from catalog.lint import lint
from catalog.loader import SHIPPED, catalog_draft
from catalog.price_files import read_prices
from catalog.tariff import MODALITIES
from tests.catalog.conftest import line_with, write_catalog

PRICES = prices.load()
TODAY = date(2026, 11, 21)


# The shipped data


def test_no_price_is_said_to_end_on_account_of_nothing() -> None:
    """An end is a promotion's, or the day from which a later claim speaks of the same."""
    for price in PRICES.tariff.price:
        later = [other.since for other in PRICES.tariff.price if set(other.models) & set(price.models)]
        assert price.until is None or price.until in later


def test_no_two_rules_are_for_the_same_thing_on_the_same_day() -> None:
    for table in (PRICES.tariff.factor, PRICES.tariff.credit):
        said: set[tuple[Any, ...]] = set()
        for rule in table:
            for day in (rule.since, (rule.until or date.max) - timedelta(1)):
                about = [
                    (model, part) for model in rule.models for part in (*getattr(rule, "locations", ()), *rule.modes)
                ]
                others = [other for other in table if other is not rule and other.holds(day)]
                said |= {(key, rule.since) for key in about for other in others if _about(other, key)}
        assert not said


def _about(rule: Any, key: tuple[str, str]) -> bool:
    return key[0] in rule.models and key[1] in (*getattr(rule, "locations", ()), *rule.modes)


@pytest.mark.parametrize("file", sorted((SHIPPED / "prices").glob("*.toml")), ids=lambda file: file.stem)
def test_a_file_of_prices_is_in_order(file: Path) -> None:
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("price", [])
    assert [entry["models"][0] for entry in entries] == sorted(entry["models"][0] for entry in entries)
    assert all(entry["models"] == sorted(set(entry["models"])) for entry in entries)


def test_every_source_of_prices_is_used_and_in_order() -> None:
    tariff = PRICES.tariff
    used = {claim.source for table in (tariff.price, tariff.factor, tariff.credit) for claim in table}
    used |= {claim.source for table in (tariff.range, tariff.commitment) for claim in table}
    text = (SHIPPED / "sources-prices.toml").read_text(encoding="utf-8")
    assert [source["id"] for source in tomllib.loads(text)["source"]] == sorted(used)


def test_the_catalog_does_not_read_prices_and_prices_are_read_once() -> None:
    probe = """
import json, pathlib, sys
opened = []
sys.addaudithook(lambda event, given: event == "open" and opened.append(pathlib.Path(str(given[0])).parts[-2:]))
import catalog
catalog.load()
import catalog.prices
steps = []
for use in (lambda: None, catalog.prices.load, lambda: catalog.prices.load(known=catalog.load())):
    use()
    steps.append(("prices", "anthropic.toml") in opened)
    opened.clear()
print(json.dumps(steps))
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, True, False]


# Bad data

GOOD = """\
[[price]]
models = ["robin-1"]
locations = ["*"]
max_context_tokens = 1_000
input = { "text+image" = "2" }
output = { text = "4" }
from = 2026-01-01
source = "harbour-page"
where = "row 1"
checked = 2026-02-01

[[factor]]
models = ["robin-1"]
modes = ["batch"]
uses = ["input"]
times = "0.5"
from = 2026-01-01
source = "harbour-page"
where = "row 2"
checked = 2026-02-01

[[credit]]
models = ["robin-1"]
modes = ["standard"]
uses = ["input"]
share = "0.5"
from = 2026-01-01
until = 2026-12-01
source = "harbour-page"
where = "row 3"
checked = 2026-02-01

[[range]]
models = ["wren-2"]
preference = "cost"
input = ["1", "2"]
output = ["3", "4"]
from = 2026-01-01
source = "tide-table"
where = "row 4"
checked = 2026-02-01
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    """What every rule says of a file of prices, without its directory."""
    unread: list[Problem] = []
    draft = catalog_draft(write_catalog(tmp_path, **{"prices/acme": text}), unread)
    found = unread or lint(draft, TODAY)
    return [str(problem).removeprefix(f"{tmp_path}/prices/") for problem in found]


def test_good_prices_have_no_problems_and_are_read(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []
    own = prices.load(tmp_path, catalog.load(tmp_path))
    usage = Usage.tokens(input=900)
    assert own.cost(usage, "robin-1@20260101", "north-west1", "batch", date(2026, 3, 1)).net_usd == Decimal("0.0009")
    assert own.cost(usage, "robin-1", "north", "standard", date(2026, 3, 1)).credit_usd == Decimal("0.0009")


@pytest.mark.parametrize(
    ("old", "new", "said", "strict"),
    [
        ('output = { text = "4" }', 'output = { text = "-4" }', "field `output`: -4 is not an amount", True),
        ('output = { text = "4" }', 'output = { text = "NaN" }', "field `output`: NaN is not an amount", True),
        (
            'output = { text = "4" }',
            'output = { txet = "4" }',
            "field `output`: unknown modality 'txet'; expected any, text",
            True,
        ),
        (
            'output = { text = "4" }',
            'output = { any = "4", text = "4" }',
            "field `output`: a modality is priced twice",
            True,
        ),
        ('output = { text = "4" }', 'output = { text = "four" }', "Invalid decimal string", True),
        (
            'output = { text = "4" }',
            "output = { text = 4.0 }",
            'field `output`: expected an amount in quotes, such as "1.25"',
            False,
        ),
        ('output = { text = "4" }', 'outptu = { text = "4" }', "unknown field `outptu`; the fields are", True),
        ('output = { text = "4" }', 'output = { text = "4" }\nper = 3', "field `input`: 2 / 3 is not exact", True),
        ('output = { text = "4" }', 'output = { text = "4" }\nper = 0', "2 / 0 is not exact", True),
        (
            'output = { text = "4" }',
            'output = { text = "4" }\nunit = "word"',
            "expected one of character, grounded_prompt",
            True,
        ),
        (
            "max_context_tokens = 1_000",
            "max_context_tokens = 1_000\nbelow_context_tokens = 9",
            "max_context_tokens or below",
            True,
        ),
        ("max_context_tokens = 1_000", "max_context_tokens = 1_000\nmin_context_tokens = 1_001", "leave no size", True),
        (
            'input = { "text+image" = "2" }\noutput = { text = "4" }\n',
            "",
            "expected a price for one or more of input",
            True,
        ),
        ('times = "0.5"', 'times = "0.5"\nlocations = ["region"]', "expected locations or modes, one of them", True),
        ("until = 2026-12-01\n", "", "field `until`: expected the day on which the credit ends", True),
        ("until = 2026-12-01", "until = 2026-01-01", "field `until`: ends on 2026-01-01, before it begins", True),
        ('input = ["1", "2"]', 'input = ["2", "1"]', "field `input`: expected the low end first", True),
        ('models = ["wren-2"]', 'models = ["wrem-2"]', "unknown model 'wrem-2'; nearest: wren-2", False),
        ('locations = ["*"]', 'locations = ["norht"]', "'norht' is no location, kind or '*'; nearest: north", False),
        ('source = "tide-table"', 'source = "tide"', "field `source`: 'tide' is not a source of this catalog", False),
        (
            '"row 4"\nchecked = 2026-02-01',
            '"row 4"\nchecked = 2025-12-01',
            "compared on 2025-12-01, before it begins",
            False,
        ),
        ('"row 4"\nchecked = 2026-02-01', '"row 4"\nchecked = 2026-11-22', "checked on 2026-11-22, which is in", False),
        ('"row 4"\nchecked = 2026-02-01', '"row 4"\nchecked = 2026-01-01', "before its source of 2026-01-02", False),
        ("[[range]]", "[[rnage]]", "unknown table or key; expected only [[price]]", True),
        ("[[range]]", "[[range", "not valid TOML", True),
    ],
)
def test_bad_prices_are_named_with_their_place(tmp_path: Path, old: str, new: str, said: str, strict: bool) -> None:
    assert GOOD.count(old) == 1
    found = [problem for problem in problems(tmp_path, GOOD.replace(old, new)) if said in problem]
    assert found
    assert re.match(r"acme\.toml:\d+: ", found[0])
    if strict:
        with pytest.raises(InvalidCatalog, match=re.escape(said)):
            read_prices(tmp_path)


def test_a_problem_is_placed_at_its_line(tmp_path: Path) -> None:
    text = GOOD.replace('times = "0.5"', 'times = "-0.5"')
    assert problems(tmp_path, text)[0].startswith(f"acme.toml:{line_with(text, 'times')}: factor #1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, True),
        ({"from = 2026-01-01": "from = 2026-01-20"}, True),
        ({'locations = ["*"]': 'locations = ["region"]'}, False),
        ({"max_context_tokens = 1_000": "above_context_tokens = 1_000"}, False),
        ({'output = { text = "4" }': 'modes = ["flex"]'}, False),
        ({'models = ["robin-1"]': 'models = ["robin-1@20260101"]'}, True),
    ],
)
def test_two_prices_for_the_same_thing_on_the_same_day_are_a_problem(
    tmp_path: Path, change: dict[str, str], said: bool
) -> None:
    first = GOOD[: GOOD.index("[[factor]]")]
    second = first
    for old, new in change.items():
        second = second.replace(old, new)
    found = problems(tmp_path, first + second)
    assert bool(found) is said
    assert all("a second price for robin-1 * standard" in problem for problem in found)


def test_a_directory_without_prices_says_what_it_lacks(tmp_path: Path) -> None:
    write_catalog(tmp_path, **{"prices/acme": None})
    with pytest.raises(InvalidCatalog, match=r"expected \*\.toml files of prices"):
        prices.load(tmp_path)


def test_the_modalities_have_names_that_a_key_can_join() -> None:
    assert not [name for name in MODALITIES if "+" in name]


def test_a_second_price_from_the_day_on_which_the_first_ends_is_none_too_many(tmp_path: Path) -> None:
    first = GOOD[: GOOD.index("[[factor]]")]
    ended = first.replace("from = 2026-01-01", "from = 2026-01-01\nuntil = 2026-01-20")
    assert problems(tmp_path, ended + first.replace("from = 2026-01-01", "from = 2026-01-20")) == []
