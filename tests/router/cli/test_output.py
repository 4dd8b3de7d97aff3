from __future__ import annotations

import io

import pytest

from router.cli.output import Grid, Notes, Screen, counted

LONG = "a-very-long-id-that-nobody-may-cut-in-two"


def birds() -> Grid:
    grid = Grid("bird", "age", "where")
    grid.title("songbirds")
    grid.add("robin", "3 y", "hedges, gardens, woods, parks")
    grid.add(LONG, "4 y", "reeds")
    return grid


def lines(grid: Grid, width: int) -> list[str]:
    return [line for line, _ in grid.lines(width)]


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    assert lines(birds(), 100) == [
        f"{'bird':43}age  where",
        "songbirds",
        f"{'robin':43}3 y  hedges, gardens, woods, parks",
        f"{LONG}  4 y  reeds",
    ]


def test_in_a_narrow_terminal_a_long_id_has_its_own_line_and_the_last_column_is_broken() -> None:
    assert lines(birds(), 40) == [
        f"{'bird':15}age  where",
        "songbirds",
        f"{'robin':15}3 y  hedges, gardens,",
        f"{'':20}woods, parks",
        LONG,
        f"{'':15}4 y  reeds",
    ]


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 200])
def test_no_word_is_ever_cut(width: int) -> None:
    told = lines(birds(), width)
    words = ["bird", "age", "where", "songbirds", "robin", "3", "y", "hedges,", "gardens,", "woods,", "parks"]
    assert set(words) | {LONG} <= {word for line in told for word in line.split()}
    assert all(len(line) <= width for line in told if width >= 60)


def test_a_paragraph_is_broken_between_words_and_not_in_ids(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    Screen().text("europe-west1, europe-west4, northamerica-northeast1", 2)
    assert capsys.readouterr().out == "  europe-west1,\n  europe-west4,\n  northamerica-northeast1\n"


def test_what_is_no_terminal_gets_one_line_without_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = "word " * 200
    Screen().text(text, style="bold red")
    assert capsys.readouterr().out == text.rstrip() + "\n"


def test_what_looks_like_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.line("add an [[availability]] ", ("[/bold] :smile:", "bold"))
    screen.text("[red]", 2)
    assert capsys.readouterr().out == "add an [[availability]] [/bold] :smile:\n  [red]\n"


def test_a_script_that_the_terminal_lacks_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    Screen().line("Vertex AI 上的 Claude")
    assert written.getvalue() == b"Vertex AI \\u4e0a\\u7684 Claude\n"


def test_a_source_is_noted_once(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    assert (notes.number(["page"]), notes.number(["card", "", "page"])) == ("(1)", "(2) (1)")
    assert notes.digits(["card", "list"]) == "2 3"
    Screen().notes(notes)
    assert capsys.readouterr().out == "\n(1) page\n(2) card\n(3) list\n"


@pytest.mark.parametrize(("number", "words"), [(0, "no problems"), (1, "1 problem"), (2, "2 problems")])
def test_numbers_of_things_read_well(number: int, words: str) -> None:
    assert counted(number, "problem") == words
