from __future__ import annotations

from pathlib import Path

import pytest

from router.capacity.recorder import FIELDS, Recorder, read
from router.capacity.sent import Sent
from tests.router.capacity.conftest import A, B

ROWS = [Sent(1.5, A, 1.0, "200", 0.25), Sent(2.0, B, 2.5, "429", 0.05)]


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "sent.csv"
    for row in ROWS:  # a second recorder goes on where the first one stopped
        recorder = Recorder(file)
        recorder(row)
        recorder.close()
    assert read(file) == ROWS


def test_after_closing_nothing_is_written_and_nothing_fails(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "sent.csv")
    recorder.close()
    recorder(ROWS[0])
    assert read(tmp_path / "sent.csv") == []


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("a,b\n")
    with pytest.raises(FileExistsError, match="no recording"):
        Recorder(file)
    assert file.read_text() == "a,b\n"
    with pytest.raises(ValueError, match="no recording"):
        read(file)


def test_a_line_that_cant_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sent.csv"
    file.write_text(",".join(FIELDS) + "\n1.0,p,m,eu,standard,1,200,soon\n")
    with pytest.raises(ValueError, match=r"sent\.csv:2: "):
        read(file)
