"""A project's own file over the catalog: what it may add, what it replaces, what it must not open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import catalog
from catalog import Catalog, InvalidCatalog, Problem
from tests.catalog.conftest import changed

Write = Callable[..., Path]
DAY = date(2026, 11, 21)
AGE = 20

SOURCE = """\
[[source]]
id = "our-probe"
title = "What we measured"
published = 2026-11-01
retrieved = 2026-11-01
"""


def served(verdict: str, *locations: str, since: str = "2026-11-01", **more: str) -> str:
    fields = {"model": '"robin-1"', "modes": '["standard"]', "source": '"our-probe"', **more}
    return _claim("availability", {"served": f'"{verdict}"', "locations": _list(locations), "from": since, **fields})


def bounded(boundary: str, *locations: str, since: str = "2026-11-01", **more: str) -> str:
    fields = {"model": '"robin-1"', "source": '"our-probe"', **more}
    return _claim("processing", {"boundary": f'"{boundary}"', "locations": _list(locations), "from": since, **fields})


def _claim(table: str, fields: dict[str, str]) -> str:
    lines = {"where": '"the log"', "checked": "2026-11-21", **fields}
    return f"[[{table}]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


class Desk:
    """Writes overlays and lays them over the small catalog."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory.parent / "own.toml"

    def lay(self, *parts: str, source: str = SOURCE) -> Catalog:
        self.file.write_text("\n".join((source, *parts)), encoding="utf-8")
        return catalog.load(self.directory, overlay=self.file)

    def problem(self, *parts: str, source: str = SOURCE) -> Problem:
        with pytest.raises(InvalidCatalog) as caught:
            self.lay(*parts, source=source)
        (problem,) = caught.value.problems
        return problem


@pytest.fixture
def desk(tmp_path: Path, write: Write) -> Desk:
    return Desk(write().joinpath("."))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    from tests.catalog.conftest import write_catalog  # noqa: PLC0415 - the fixture of the same name is replaced here

    (tmp_path / "data").mkdir()
    return lambda **overrides: write_catalog(tmp_path / "data", **overrides)


# Claims


def test_an_own_claim_replaces_the_shipped_one_where_and_while_it_holds(desk: Desk) -> None:
    known = desk.lay(served("no", "north-west1", until="2026-12-01"))
    answers = [
        known.served("robin-1", "north-west1", "standard", day).verdict
        for day in (date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1))
    ]
    assert answers == ["yes", "no", "no", "yes"]
    assert known.served("robin-1", "north", "standard", DAY).verdict == "yes"


def test_an_answer_that_rests_on_an_own_source_says_so(desk: Desk) -> None:
    known = desk.lay(served("yes", "south-west1"), bounded("br", "south-west1"))
    answer, stay = (
        known.served("robin-1", "south-west1", "standard", DAY),
        known.boundary("robin-1", "south-west1", DAY),
    )
    assert (answer.own, stay.own) == (True, True)
    assert answer.reason == "served, by this project's own source 'our-probe'"
    assert stay.reason == "processing stays in br, by this project's own source 'our-probe'"
    assert (answer.age_days, stay.age_days) == (AGE, AGE)
    shipped = known.served("robin-1", "north", "standard", DAY)
    assert (shipped.own, shipped.reason) == (False, "served")


def test_a_location_that_was_one_of_everywhere_else_keeps_that_answer_before_its_own_claim(desk: Desk) -> None:
    known = desk.lay(served("yes", "south-west1"))
    before = known.served("robin-1", "south-west1", "standard", date(2026, 10, 31))
    assert (before.verdict, before.source) == ("no", "tide-table")
    assert known.served("robin-1", "south-west1", "standard", DAY).verdict == "yes"
    assert known.served("robin-1", "global", "standard", DAY).verdict == "no", "still everywhere else"


def test_an_own_claim_leaves_other_modes_as_they_are(desk: Desk) -> None:
    known = desk.lay(served("no", "north-west1", modes='["batch"]'))
    assert known.served("robin-1", "north-west1", "standard", DAY).verdict == "yes"
    assert known.served("robin-1", "north-west1", "batch", DAY).verdict == "no"


def test_of_two_own_claims_the_later_one_holds_from_its_day(desk: Desk) -> None:
    parts = (served("no", "north-west1", since="2026-11-15"), served("yes", "north-west1", since="2026-11-01"))
    for order in (parts, parts[::-1]):
        known = desk.lay(*order)
        days = (date(2026, 11, 14), date(2026, 11, 15))
        assert [known.served("robin-1", "north-west1", "standard", day).verdict for day in days] == ["yes", "no"]


def test_own_claims_of_one_day_that_contradict_each_other_are_answered_with_caution(desk: Desk) -> None:
    known = desk.lay(served("yes", "south-west1"), served("no", "south-west1"))
    assert known.served("robin-1", "south-west1", "standard", DAY).verdict == "no"


def test_an_own_boundary_replaces_the_shipped_one(desk: Desk) -> None:
    known = desk.lay(bounded("none", "north-west1", source='"harbour-page"'))
    assert known.boundary("robin-1", "north-west1", DAY).boundary == "none"
    assert known.boundary("robin-1", "north-west1", date(2026, 10, 31)).boundary == "north"
    assert known.boundary("robin-1", "north", DAY).boundary == "north"


def test_a_model_may_be_named_by_its_alias(desk: Desk) -> None:
    known = desk.lay(served("no", "north", model='"robin-1@20260101"'))
    assert known.served("robin-1", "north", "standard", DAY).verdict == "no"


def test_a_model_seen_after_its_confirmed_end_is_served_there_on_the_projects_own_word(desk: Desk) -> None:
    ended = changed("models/acme", ("on = 2027-01-01\n", "on = 2026-10-01\nconfirmed = true\n"))
    (desk.directory / "models" / "acme.toml").write_text(ended, encoding="utf-8")
    known = desk.lay(served("yes", "north", since="2026-10-01"))
    answer = known.served("robin-1", "north", "standard", DAY)
    assert (answer.verdict, answer.own) == ("yes", True)
    assert known.served("robin-1", "north-west1", "standard", DAY).reason == "retired on 2026-10-01"


def test_a_model_that_the_catalog_lacks_may_be_added_with_its_own_sources(desk: Desk) -> None:
    jay = changed("models/acme", ('"harbour-page"\nwhere = "first row"', '"our-probe"\nwhere = "first row"'))
    jay = jay.replace("robin-1", "jay-1").replace("harbour-page", "our-probe").replace("tide-table", "our-probe")
    known = desk.lay(jay.partition('[[model]]\nid = "wren-2"')[0].replace('["*"]', '["south-west1"]'))
    answer = known.served("jay-1", "north", "standard", DAY)
    assert (answer.verdict, answer.own) == ("yes", True)


# What else a project has


def test_reservations_are_found_by_model_location_mode_and_day(desk: Desk) -> None:
    known = desk.lay(
        '[[reservation]]\nmodel = "robin-1@20260101"\nlocation = "north"\ngsu = 5\n'
        "from = 2026-11-01\nuntil = 2026-12-01\n",
        source="",
    )
    held = known.reserved("robin-1", "north", "provisioned", DAY)
    assert held is not None
    assert (held.model, held.gsu) == ("robin-1", 5)
    for asked in (
        ("north", "batch", DAY),
        ("north-west1", "provisioned", DAY),
        ("north", "provisioned", date(2026, 12, 1)),
    ):
        assert known.reserved("robin-1", *asked) is None  # type: ignore[arg-type]


def test_the_projects_own_quota_comes_before_the_published_one(desk: Desk) -> None:
    known = desk.lay('[[quota]]\nmodel = "robin-1"\nlocations = ["north"]\nrequests_per_minute = 60\n', source="")
    quota = known.quota("robin-1", "north", DAY)
    assert quota is not None
    assert quota.requests_per_minute == 60
    assert known.quota("robin-1", "north-west1", DAY) is None


def test_a_denied_location_says_why_and_for_which_models(desk: Desk) -> None:
    known = desk.lay(
        '[[denied]]\nlocations = ["north-west1"]\nmodels = ["robin-1@20260101"]\nreason = "under review"\n', source=""
    )
    assert known.denied("robin-1", "north-west1") == "under review"
    assert known.denied("wren-2", "north-west1") == known.denied("robin-1", "north") == ""


def test_a_private_endpoint_stands_in_for_the_public_host(desk: Desk) -> None:
    known = desk.lay(
        '[[private_endpoint]]\nlocations = ["north", "north-west1"]\nhost = "{location}-birds.p.example"\n', source=""
    )
    assert known.location("north-west1").endpoint == "north-west1-birds.p.example"
    assert known.location("north-west1").host == "north-west1-aiplatform.googleapis.com"
    assert known.location("global").endpoint == "aiplatform.googleapis.com"
    assert known.private_hosts == {"north-birds.p.example", "north-west1-birds.p.example"}


def test_overlays_are_laid_over_each_other_in_their_order(desk: Desk, tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(SOURCE + served("yes", "south-west1"), encoding="utf-8")
    second.write_text(served("no", "south-west1", since="2026-11-20"), encoding="utf-8")
    known = catalog.load(desk.directory, overlay=[first, second])
    days = (date(2026, 11, 19), DAY)
    assert [known.served("robin-1", "south-west1", "standard", day).verdict for day in days] == ["yes", "no"]


def test_the_catalog_under_an_overlay_stays_as_it_is(desk: Desk) -> None:
    base = catalog.load(desk.directory)
    desk.lay(served("no", "north"))
    assert base.served("robin-1", "north", "standard", DAY).verdict == "yes"
    assert not base.own.sources


# What is refused


@pytest.mark.parametrize(
    "part",
    [
        served("yes", "south-west1", source='"harbour-page"'),
        served("yes", "north", source='"harbour-page"'),
        bounded("br", "south-west1", source='"harbour-page"'),
    ],
)
def test_what_opens_a_location_needs_a_source_of_the_overlay(desk: Desk, part: str) -> None:
    problem = desk.problem(part, source="")
    assert problem.field == "source"
    assert "needs a source of this overlay" in problem.message
    assert (problem.file, problem.entry) == (str(desk.file), f"{part[2:].partition(']')[0]} #1 (robin-1)")


def test_what_hides_that_processing_happens_elsewhere_needs_a_source_of_the_overlay(desk: Desk) -> None:
    models = changed(
        "models/acme", ('["north", "north-west1"]\nboundary = "north"', '["north-west1"]\nboundary = "br"')
    )
    (desk.directory / "models/acme.toml").write_text(models, encoding="utf-8")
    hidden = {"source": '"harbour-page"'}
    assert (
        "needs a source of this overlay" in desk.problem(bounded("unknown", "north-west1", **hidden), source="").message
    )
    assert desk.lay(bounded("unknown", "north", **hidden), source="").models
    assert desk.lay(bounded("unknown", "north-west1")).models


@pytest.mark.parametrize(
    "part",
    [
        served("no", "north", source='"harbour-page"'),
        served("unknown", "north", source='"harbour-page"'),
        bounded("none", "north", source='"harbour-page"'),
        bounded("unknown", "north", source='"harbour-page"'),
    ],
)
def test_what_closes_a_location_may_name_any_source(desk: Desk, part: str) -> None:
    assert desk.lay(part, source="").models


@pytest.mark.parametrize(
    ("part", "field", "expected"),
    [
        (served("yes", "*"), "locations", "'*' is not a location of this catalog"),
        (served("yes", "moon"), "locations", "'moon' is not a location of this catalog"),
        (
            served("no", "north", model='"robin-2"'),
            "model",
            "'robin-2' is not a model of this catalog; nearest: robin-1",
        ),
        (served("no", "north", source='"hearsay"'), "source", "'hearsay' is not a source of this catalog"),
        (served("no", "north", until="2026-10-01"), "until", "ends on 2026-10-01, before it begins on 2026-11-01"),
        (bounded("atlantis", "north"), "boundary", "'atlantis' is not a jurisdiction of this catalog"),
        (bounded("north", "global"), "boundary", "global has no boundary"),
        ('[[source]]\nid = "tide-table"\ntitle = "Ours"\npublished = 2026-11-01\nretrieved = 2026-11-01\n', "id",
         "'tide-table' is already a name of 'tide-table'"),
        ('[[reservation]]\nmodel = "robin-1"\nlocation = "mars"\ngsu = 1\n', "location", "'mars' is not a location"),
        ('[[reservation]]\nmodel = "robin-1"\nlocation = "north"\ngsu = 1\nfrom = 2026-11-02\nuntil = 2026-11-02\n',
         "until", "the reservation ends on 2026-11-02, before it begins on 2026-11-02"),
        ('[[reservation]]\nmodel = "robin-1"\nlocation = "north"\ngsu = 0\n', "gsu", "Expected `int` >= 1"),
        ('[[denied]]\nlocations = []\nreason = "x"\n', "locations", "Expected `array` of length >= 1"),
        ('[[quota]]\nmodel = "robin-1"\nlocations = ["north"]\ntokens_per_minute = -1\n', "tokens_per_minute",
         "Expected `int` >= 0"),
        ('[[quota]]\nmodel = "rbn-1"\nlocations = ["north"]\n', "model", "'rbn-1' is not a model"),
        ('[[denied]]\nlocations = ["north"]\nmodels = ["robin"]\nreason = "x"\n', "models", "'robin' is not a model"),
        ('[[denied]]\nlocations = ["northh"]\nreason = "x"\n', "locations", "'northh' is not a location"),
        ('[[denied]]\nlocations = ["north"]\n', "reason", "missing required field `reason`"),
        ('[[private_endpoint]]\nlocations = ["north", "global"]\nhost = "p.example"\n', "host",
         "a host for several locations needs {location} in it"),
        ('[[private_endpoint]]\nlocations = ["north"]\nhost = "https://p.example"\n', "host", "is not a host name"),
        ('[[private_endpoint]]\nlocations = ["north"]\nhost = "P.example"\n', "host", "is not a host name"),
        ('[[private_endpoint]]\nlocations = ["north"]\nhost = "p.example:8443"\n', "host", "is not a host name"),
        ('[[private_endpoint]]\nlocations = ["north"]\nhost = "aiplatform.googleapis.com"\n', "host",
         "aiplatform.googleapis.com is already the host of global"),
        ('[[jurisdiction]]\nid = "eu"\n', "jurisdiction", "unknown table or key; expected only [[source]], [[model]]"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_overlay_is_told_with_its_place(desk: Desk, part: str, field: str, expected: str) -> None:
    problem = desk.problem(part)
    assert (problem.file, problem.field) == (str(desk.file), field)
    assert expected in problem.message
    assert problem.line > SOURCE.count("\n")


def test_an_overlay_that_is_not_there_is_told(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalog, match=r"nowhere\.toml: can't be read"):
        catalog.load(desk.directory, overlay=tmp_path / "nowhere.toml")


def test_an_overlay_without_entries_is_told_what_it_may_hold(desk: Desk) -> None:
    assert "[[reservation]]" in desk.problem("# nothing yet", source="").message
