"""What people see while a batch runs, in terminals of several widths and elsewhere."""

from __future__ import annotations

import msgspec
import pytest
from rich.console import Console

from router.batch.summary import Stand, Summary, Tally
from router.cli.batch_view import Lines, view
from tests.router.batch.batching import OK
from tests.world import Clock

SLOW = "pace 2.2/s, limit about 6.9/s, 40% rejected by chance, 3 under way"


def tally() -> Tally:
    clock = Clock()
    made = Tally(Summary(rows=2000), clock)
    made.standing = {"eu": Stand(False, SLOW), "us": Stand(True, "closed for 7 s: connect: ConnectError")}
    clock.now += 10
    for row in range(1, 51):
        made.count(msgspec.structs.replace(OK, attempts=2, throttled=1, throttled_at={"eu": 1}), row)
    return made


def shown(width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(view(tally(), width))
    text = captured.get()
    assert all(len(line) <= width for line in text.splitlines())
    return text


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_it_says_which_location_is_slow_and_why_whatever_the_width(width: int) -> None:
    words = shown(width).split()
    for said in (SLOW, "closed for 7 s: connect: ConnectError", "50 of 2,000 rows, 5.0/s, about 6 min 30 s left"):
        assert set(said.split()) <= set(words), "no word is cut"


def test_where_there_is_room_it_counts_what_was_rejected() -> None:
    eu = next(line for line in shown(120).splitlines() if line.startswith("eu"))
    assert eu.split()[:4] == ["eu", "5.0", "50", "50"]
    assert "429s" not in shown(40)


def test_elsewhere_than_on_a_terminal_a_line_tells_of_every_location(capsys: pytest.CaptureFixture[str]) -> None:
    lines, made = Lines(), tally()
    lines(made)
    lines(made)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("0 rows without an answer; eu 5.0/s; us closed for 7 s: connect: ConnectError")
