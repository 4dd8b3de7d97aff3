from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import catalog
from catalog import InvalidCatalog, Problem
from tests.catalog.conftest import VALID, changed, line_with, write_catalog

Write = Callable[..., Path]


def problems_of(directory: Path) -> tuple[Problem, ...]:
    with pytest.raises(InvalidCatalog) as caught:
        catalog.load(directory)
    return caught.value.problems


def test_a_valid_catalog_is_loaded_whole(write: Write) -> None:
    found = catalog.load(write())
    assert list(found.sources) == ["harbour-page", "tide-table"]
    assert list(found.jurisdictions) == ["north"]
    assert list(found.locations) == ["global", "north", "north-west1", "south-west1"]
    assert list(found.models) == ["robin-1", "wren-2"]
    assert [len(model.availability) for model in found.models.values()] == [3, 0]
    assert [len(model.processing) for model in found.models.values()] == [1, 1]


def test_a_directory_may_be_given_as_text(write: Write) -> None:
    assert catalog.load(str(write())).models


def test_each_publisher_has_a_file_and_they_are_read_in_the_order_of_their_names(write: Write) -> None:
    other = changed("models/acme", ('"robin-1"', '"jay-1"'), ('"robin-1@20260101"', '"jay-1@1"'), ('"wren-2"', '"owl"'))
    found = catalog.load(write(**{"models/aardvark": other}))
    assert list(found.models) == ["jay-1", "owl", "robin-1", "wren-2"]


def test_the_shipped_catalog_is_read_once() -> None:
    assert catalog.load() is catalog.load()


class Mistake(NamedTuple):
    """One passage of the valid catalog replaced by a wrong one, and what must be said of it.

    `at` is a passage of the line to be named, by default the wrong one itself.
    """

    what: str
    file: str
    right: str
    wrong: str
    entry: str
    field: str
    expected: str
    at: str = ""


ROBIN, WREN = "model 'robin-1'", "model 'wren-2'"
MISTAKES = [
    Mistake("bad TOML", "sources", 'id = "tide-table"', 'id = "tide-table', "", "", "not valid TOML"),
    Mistake("unknown table", "sources", '[[source]]\nid = "tide', '[[sauce]]\nid = "tide',
            "", "sauce", "expected only [[source]]", at="[[sauce]]"),
    Mistake("unknown key", "sources", 'title = "Tides"', 'titel = "Tides"',
            "source 'tide-table'", "titel", "the fields are id, title, url, published"),
    Mistake("unknown key of a claim", "models/acme", 'where = "table 4"', 'were = "table 4"',
            WREN, "processing[0].were", "the fields are from, until, source, where"),
    Mistake("missing key", "locations", 'name = "Santos"\n', "",
            "location 'south-west1'", "name", "missing required field `name`", at='[[location]]\nid = "south-west1"'),
    Mistake("missing key of a claim", "models/acme", 'boundary = "br"\n', "",
            WREN, "processing[0].boundary", "missing required field `boundary`",
            at='[[model.processing]]\nlocations = ["south-west1"]'),
    Mistake("missing id", "models/acme", 'id = "wren-2"\n', "",
            "model #2", "id", "missing required field `id`", at='[[model]]\nname = "Wren 2"'),
    Mistake("wrong type", "sources", "published = 2026-01-02", "published = 20260102",
            "source 'tide-table'", "published", "Expected `date`, got `int`"),
    Mistake("wrong type in a list", "jurisdictions", '["de", "nl"]', '["de", 31]',
            "jurisdiction 'north'", "countries[1]", "Expected `str`, got `int`", at="countries ="),
    Mistake("not a list", "models/acme", '["sing"]\nstage = "preview"', '"sing"\nstage = "preview"',
            WREN, "methods", "Expected `array`, got `str`", at='methods = "sing"'),
    Mistake("wrong kind", "locations", 'kind = "multi_region"', 'kind = "zone"',
            "location 'north'", "kind", "'zone'; expected one of global, multi_region, region"),
    Mistake("wrong stage", "models/acme", 'stage = "preview"', 'stage = "beta"',
            WREN, "stage", "'beta'; expected one of experimental, ga, preview"),
    Mistake("wrong mode", "models/acme", 'modes = ["standard"]\nserved = "no"', 'modes = ["standrad"]\nserved = "no"',
            ROBIN, "availability[1].modes[0]", "'standrad'; expected one of batch, flex, priority", at="standrad"),
    Mistake("wrong answer", "models/acme", 'served = "no"', 'served = "perhaps"',
            ROBIN, "availability[1].served", "'perhaps'; expected one of no, unknown, yes"),
    Mistake("wrong confidence", "models/acme", 'where = "table 4"', 'where = "table 4"\nconfidence = "total"',
            WREN, "processing[0].confidence", "'total'; expected one of high, low, medium", at="confidence ="),
    Mistake("unknown source of a location", "locations", 'jurisdiction = "br"\nsource = "harbour-page"',
            'jurisdiction = "br"\nsource = "harbor-page"',
            "location 'south-west1'", "source", "'harbor-page' is not a source of this catalog; nearest: harbour-page",
            at="harbor-page"),
    Mistake("unknown source of a claim", "models/acme", 'source = "harbour-page"\nwhere = "table 3"',
            'source = "x"\nwhere = "table 3"',
            ROBIN, "processing[0].source", "'x' is not a source of this catalog", at='source = "x"'),
    Mistake("unknown source of a retirement", "models/acme", 'source = "harbour-page"\nwhere = "last row"',
            'source = "x"\nwhere = "last row"',
            ROBIN, "retirement.source", "'x' is not a source of this catalog", at='source = "x"'),
    Mistake("unknown source of sharing terms", "models/acme", 'source = "tide-table"\nwhere = "small print"',
            'source = "x"\nwhere = "small print"',
            WREN, "data_sharing.source", "'x' is not a source of this catalog", at='source = "x"'),
    Mistake("unknown location of availability", "models/acme", '    "north-west1",', '    "north-west7",',
            ROBIN, "availability[0].locations", "'north-west7' is not a location of this catalog; nearest: north-west1",
            at="locations = [\n"),
    Mistake("unknown location of processing", "models/acme", 'locations = ["south-west1"]\nbound',
            'locations = ["moon"]\nbound',
            WREN, "processing[0].locations", "'moon' is not a location of this catalog"),
    Mistake("everywhere else is for availability", "models/acme", 'locations = ["south-west1"]\nbound',
            'locations = ["**"]\nbound',
            WREN, "processing[0].locations", "'**' is not a location of this catalog"),
    Mistake("unknown jurisdiction of a claim", "models/acme", 'boundary = "north"', 'boundary = "nort"',
            ROBIN, "processing[0].boundary", "'nort' is not a jurisdiction of this catalog; nearest: north"),
    Mistake("unknown jurisdiction of a multi-region", "locations", 'jurisdiction = "north"', 'jurisdiction = "nord"',
            "location 'north'", "jurisdiction", "'nord' is not a jurisdiction of this catalog; nearest: north"),
    Mistake("multi-region without jurisdiction", "locations", 'jurisdiction = "north"\n', "",
            "location 'north'", "jurisdiction", "'' is not a jurisdiction of this catalog",
            at='[[location]]\nid = "north"\n'),
    Mistake("global with jurisdiction", "locations", 'host = "aiplatform.googleapis.com"\n',
            'host = "aiplatform.googleapis.com"\njurisdiction = "de"\n',
            "location 'global'", "jurisdiction", "a global location stands in no jurisdiction; leave it out",
            at='jurisdiction = "de"'),
    Mistake("region without country", "locations", 'jurisdiction = "br"\n', "",
            "location 'south-west1'", "jurisdiction", "expected the country of the region, two lower-case letters",
            at='[[location]]\nid = "south-west1"'),
    Mistake("region in a named set", "locations", 'jurisdiction = "br"', 'jurisdiction = "south"',
            "location 'south-west1'", "jurisdiction", "expected the country of the region, two lower-case letters"),
    Mistake("region in capitals", "locations", 'jurisdiction = "br"', 'jurisdiction = "BR"',
            "location 'south-west1'", "jurisdiction", "two lower-case letters"),
    Mistake("source used twice", "sources", 'id = "tide-table"', 'id = "harbour-page"',
            "source 'harbour-page'", "id", "'harbour-page' is already a name of 'harbour-page'",
            at='id = "harbour-page"\ntitle = "Tides"'),
    Mistake("location used twice", "locations", 'id = "south-west1"', 'id = "global"',
            "location 'global'", "id", "'global' is already a name of 'global'", at='id = "global"\nkind = "region"'),
    Mistake("model used twice", "models/acme", 'id = "wren-2"', 'id = "robin-1"',
            ROBIN, "id", "'robin-1' is already a name of 'robin-1'", at='id = "robin-1"\nname = "Wren 2"'),
    Mistake("an id that is another's alias", "models/acme", 'id = "wren-2"', 'id = "robin-1@20260101"',
            "model 'robin-1@20260101'", "id", "'robin-1@20260101' is already a name of 'robin-1'",
            at='id = "robin-1@20260101"'),
    Mistake("an alias that is another's id", "models/acme", 'name = "Wren 2"', 'name = "Wren 2"\naliases = ["robin-1"]',
            WREN, "aliases", "'robin-1' is already a name of 'robin-1'", at='aliases = ["robin-1"]'),
    Mistake("a period that is empty", "models/acme", "until = 2026-12-01", "until = 2026-01-01",
            ROBIN, "availability[1].until", "ends on 2026-01-01, before it begins on 2026-01-01"),
    Mistake("a period that runs backwards", "models/acme", "until = 2026-12-01", "until = 2025-12-01",
            ROBIN, "availability[1].until", "ends on 2025-12-01, before it begins on 2026-01-01"),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_a_mistake_is_told_with_file_line_entry_field_and_what_was_expected(write: Write, mistake: Mistake) -> None:
    text = changed(mistake.file, (mistake.right, mistake.wrong))
    directory = write(**{mistake.file: text})
    (problem,) = [each for each in problems_of(directory) if mistake.expected in each.message]
    assert (problem.file, problem.line, problem.entry, problem.field) == (
        str(directory / f"{mistake.file}.toml"),
        line_with(text, mistake.at or mistake.wrong),
        mistake.entry,
        mistake.field,
    )


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_the_error_reads_as_its_problems_do(write: Write, mistake: Mistake) -> None:
    directory = write(**{mistake.file: changed(mistake.file, (mistake.right, mistake.wrong))})
    with pytest.raises(InvalidCatalog, match=re.escape(mistake.expected)) as caught:
        catalog.load(directory)
    assert str(caught.value).splitlines() == [str(each) for each in caught.value.problems]


def test_an_alias_repeated_by_its_own_model_is_a_mistake(write: Write) -> None:
    text = changed("models/acme", ('["robin-1@20260101"]', '["robin-1"]'))
    (problem,) = problems_of(write(**{"models/acme": text}))
    assert problem.message == "'robin-1' is already a name of 'robin-1'"


@pytest.mark.parametrize("name", ["sources", "jurisdictions", "locations"])
def test_a_file_that_is_not_there_is_told(write: Write, name: str) -> None:
    directory = write(**{name: None})
    (problem,) = problems_of(directory)
    assert problem.file == str(directory / f"{name}.toml")
    assert problem.line == 0
    assert problem.message.startswith("can't be read:")


@pytest.mark.parametrize("name", [name for name in VALID if not name.startswith("prices")])
def test_a_file_that_is_not_text_is_told(write: Write, name: str) -> None:
    (problem,) = problems_of(write(**{name: b"\xff\xfe\x00"}))
    assert problem.file.endswith(f"{name}.toml")
    assert problem.message.startswith("can't be read:")


@pytest.mark.parametrize(
    ("name", "table"), [("sources", "source"), ("jurisdictions", "jurisdiction"), ("models/acme", "model")]
)
@pytest.mark.parametrize("content", ["", "# nothing yet\n"])
def test_a_file_without_entries_is_told_what_was_expected(write: Write, name: str, table: str, content: str) -> None:
    (problem,) = problems_of(write(**{name: content}))
    assert problem.field == table
    assert problem.message == f"expected one or more [[{table}]] entries"


def test_one_table_where_a_list_was_expected_is_told(write: Write) -> None:
    text = '[jurisdiction]\nid = "north"\nname = "The North"\ncountries = ["de"]\n'
    (problem,) = problems_of(write(jurisdictions=text))
    assert problem.message == "expected one or more [[jurisdiction]] entries"


def test_a_catalog_without_models_is_told_where_they_belong(write: Write) -> None:
    directory = write(**{"models/acme": None})
    (problem,) = problems_of(directory)
    assert problem.file == str(directory / "models")
    assert problem.message == "expected a *.toml file for each publisher"


def test_a_directory_that_is_not_there_is_told_for_every_file(tmp_path: Path) -> None:
    problems = problems_of(tmp_path / "nowhere")
    assert [Path(each.file).name for each in problems] == [
        "sources.toml",
        "jurisdictions.toml",
        "locations.toml",
        "models",
    ]


def test_mistakes_of_several_files_and_entries_are_all_told(write: Write) -> None:
    directory = write(
        sources=changed("sources", ('title = "Tides"', "title = 1")),
        locations=changed("locations", ('kind = "multi_region"', 'kind = "zone"'), ('name = "Santos"', 'nam = "x"')),
        **{"models/acme": changed("models/acme", ('stage = "preview"', 'stage = "beta"'))},
    )
    assert [(Path(each.file).stem, each.entry, each.field) for each in problems_of(directory)] == [
        ("sources", "source 'tide-table'", "title"),
        ("locations", "location 'north'", "kind"),
        ("locations", "location 'south-west1'", "nam"),
        ("acme", "model 'wren-2'", "stage"),
    ]


def references_broken_everywhere(write: Write) -> Path:
    locations = changed(
        "locations", ('jurisdiction = "br"\nsource = "harbour-page"', 'jurisdiction = "br"\nsource = "x"')
    )
    models = changed(
        "models/acme",
        ('id = "wren-2"', 'id = "robin-1"'),
        ("until = 2026-12-01", "until = 2025-12-01"),
        ('    "north",\n    "north-west1",', '    "sun",\n    "moon",'),
        ('boundary = "br"', 'boundary = "atlantis"'),
    )
    return write(locations=locations, **{"models/acme": models})


def test_all_that_is_wrong_between_entries_is_told(write: Write) -> None:
    problems = problems_of(references_broken_everywhere(write))
    assert {(each.field, each.message.split(";")[0]) for each in problems} == {
        ("source", "'x' is not a source of this catalog"),
        ("id", "'robin-1' is already a name of 'robin-1'"),
        ("availability[0].locations", "'sun' is not a location of this catalog"),
        ("availability[0].locations", "'moon' is not a location of this catalog"),
        ("availability[1].until", "the claim ends on 2025-12-01, before it begins on 2026-01-01"),
        ("processing[0].boundary", "'atlantis' is not a jurisdiction of this catalog"),
    }


def test_problems_come_in_the_order_of_the_files(write: Write) -> None:
    problems = problems_of(references_broken_everywhere(write))
    files = ["sources", "jurisdictions", "locations", "acme"]
    places = [(files.index(Path(each.file).stem), each.line) for each in problems]
    assert places == sorted(places)


def test_what_does_not_decode_does_not_make_its_references_look_wrong(write: Write) -> None:
    problems = problems_of(write(sources="[[source]]\n"))
    assert [each.message.split(";")[0] for each in problems] == ["Object missing required field `id`"]


def test_nothing_is_half_loaded(write: Write) -> None:
    broken = changed("models/acme", ('id = "wren-2"', 'id = "robin-1"'))
    directory = write(**{"models/acme": broken})
    for _ in range(2):
        assert problems_of(directory)
    write_catalog(directory)
    assert list(catalog.load(directory).models) == ["robin-1", "wren-2"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boundary none", changed("models/acme", ('boundary = "north"', 'boundary = "none"'))),
        ("boundary unknown", changed("models/acme", ('boundary = "north"', 'boundary = "unknown"'))),
        ("boundary of one country of a set", changed("models/acme", ('boundary = "north"', 'boundary = "de"'))),
        ("boundary of a region's country", changed("models/acme", ('boundary = "north"', 'boundary = "nl"'))),
        ("one day's claim", changed("models/acme", ("until = 2026-12-01", "until = 2026-01-02"))),
    ],
)
def test_what_only_looks_unusual_is_accepted(write: Write, name: str, text: str) -> None:
    assert catalog.load(write(**{"models/acme": text})).models, name
