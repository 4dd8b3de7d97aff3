from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.batch.journal import Journal, JournalError
from router.batch.outcome import Outcome
from router.batch.record import line_of
from tests.router.batch.batching import FAILED, OK, REJECTED, rows_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def fill(path: Path, *outcomes: Outcome) -> None:
    with Journal(path) as journal:
        for row, outcome in enumerate(outcomes, 1):
            journal.write(row, row + 100, outcome, {"response": {"row": row}})


def broken(error: int) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise OSError(error, os.strerror(error))

    return call


def test_what_was_written_is_found_again(path: Path) -> None:
    fill(path, OK, FAILED, REJECTED, OK)
    with Journal(path) as journal:
        assert journal.found == ({"ok": 2, "failed": 1, "rejected": 1}, 1, 0, 0)
        assert [journal.digest(row) for row in range(6)] == [0, 101, 102, 103, 104, 0]


def test_a_line_can_be_read_back_by_its_place(path: Path) -> None:
    with Journal(path) as journal:
        places = [journal.write(row, row, OK, {"response": {"row": row}}) for row in (1, 2, 3)]
        assert [journal.record(place)["response"]["row"] for place in places] == [1, 2, 3]
        journal.write(4, 4, OK, {})
    assert rows_in(path) == [1, 2, 3, 4]


# The process, or the power, went away


def test_wherever_the_last_line_was_cut_the_others_stand_and_its_row_is_open(path: Path) -> None:
    fill(path, OK, OK)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        with Journal(path) as journal:
            assert journal.digest(1) == 101
            assert journal.digest(2) == 0
            assert journal.found.torn_bytes == cut - first
            journal.write(2, 102, OK, {"response": {"row": 2}})
        assert rows_in(path) == [1, 2]


@pytest.mark.parametrize("written", [0, 1, 30, 90])
def test_zeros_that_a_loss_of_power_left_at_the_end_are_cut_off(path: Path, written: int) -> None:
    fill(path, OK, OK)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + written] + b"\0" * 4096)
    with Journal(path) as journal:
        assert (journal.digest(1), journal.digest(2)) == (101, 0)
        assert journal.found.torn_bytes == written + 4096
    assert path.read_bytes() == whole[:first]


def test_rows_that_were_begun_and_have_not_ended_are_counted_until_they_have(path: Path) -> None:
    with Journal(path) as journal:
        for row in (1, 2, 3):
            journal.begin(row)
        journal.write(2, 1, OK, {})
    for _ in range(2):  # a second run that is killed before it begins any row loses none of them
        with Journal(path) as journal:
            assert journal.found.under_way == 2
    with Journal(path) as journal:
        journal.begin(1)
        journal.write(1, 1, OK, {})
        journal.write(3, 1, OK, {})
        journal.finish()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with Journal(path) as journal:
        assert journal.found.under_way == 0


# The disk


def test_a_full_disk_takes_the_line_back_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, OK)
    before = path.read_bytes()
    real, wrote = os.pwrite, []

    def first_a_part_then_nothing(file: int, data: bytes, at: int) -> int:
        if wrote:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        wrote.append(1)
        return real(file, data[:10], at)

    with Journal(path) as journal:
        monkeypatch.setattr(os, "pwrite", first_a_part_then_nothing)
        with pytest.raises(JournalError, match=r"out\.jsonl: can't be written: No space left on device; every line"):
            journal.write(2, 2, OK, {})
        assert journal.digest(2) == 0
        monkeypatch.setattr(os, "pwrite", real)
        journal.write(2, 2, OK, {})
    assert path.read_bytes().startswith(before)
    assert rows_in(path) == [1, 2]


def test_a_file_that_may_not_grow_stays_whole(path: Path) -> None:
    fill(path, *[OK] * 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
    try:
        with Journal(path) as journal, pytest.raises(JournalError, match="File too large"):
            journal.write(21, 21, OK, {"response": {}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with Journal(path) as journal:
        assert journal.found.torn_bytes == 0
        assert rows_in(path) == [*range(1, 21)]


def test_what_does_not_reach_the_disk_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(path) as journal:
        journal.write(1, 1, OK, {})
        monkeypatch.setattr(os, "fsync", broken(errno.EIO))
        for _ in range(2):  # and stays one
            with pytest.raises(JournalError, match="Input/output error"):
                journal.sync()


def test_a_row_that_cant_be_noted_as_begun_is_not_begun(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(path) as journal:
        monkeypatch.setattr(os, "write", broken(errno.ENOSPC))
        with pytest.raises(JournalError, match="No space left"):
            journal.begin(1)


# Other files, other processes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"request": {}}\n', r":1: not the output of a batch; write to another file"),
        (b"prompt\nhello\n", r":1: not the output of a batch"),
        (b"no line end", r":1: not the output of a batch"),
        (b"\n", r":1: not the output of a batch"),
        (
            line_of(1, 1, OK, 0, {}) + b"{}\n",
            r":2: not a line that a batch has written; remove it, or write to another",
        ),
        (line_of(1, 1, OK, 0, {}) + b"\0\0\n" + line_of(2, 1, OK, 0, {}), r":2: not a line that a batch"),
        (line_of(1, 1, OK, 0, {}) + line_of(2, 1, OK, 0, {})[:50] + b"\n", r":2: not a line that a batch"),
        (line_of(1, 1, OK, 0, {}) * 2, r":2: row 1 ends a second time; remove one of its lines"),
    ],
)
def test_a_file_of_another_origin_or_a_damaged_one_is_left_as_it_is(path: Path, text: bytes, message: str) -> None:
    path.write_bytes(text)
    with pytest.raises(JournalError, match=message):
        Journal(path)
    assert path.read_bytes() == text


def test_a_file_that_cant_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nowhere/out: can't be opened for writing: No such file or directory"):
        Journal(tmp_path / "nowhere" / "out")
    with pytest.raises(JournalError, match="is no regular file; the next run reads the output"):
        Journal(tmp_path)
    with pytest.raises(JournalError, match="is no regular file"):
        Journal(Path())
    with pytest.raises(JournalError, match="is no regular file"):
        Journal(Path(os.devnull))
    (tmp_path / "out.begun").mkdir()
    with pytest.raises(JournalError, match=r"out\.begun: can't be opened for writing: Is a directory"):
        Journal(tmp_path / "out")


def test_a_second_process_is_kept_out_and_disturbs_nothing(path: Path) -> None:
    open_it = f"from pathlib import Path; from router.batch.journal import Journal; Journal(Path({str(path)!r}))"
    with Journal(path) as journal:
        journal.begin(1)
        other = subprocess.run([sys.executable, "-c", open_it], capture_output=True, text=True, check=False)
        assert "another process is writing it; wait for it, or write elsewhere" in other.stderr
        journal.write(1, 1, OK, {})
        journal.begin(2)
    with Journal(path) as journal:
        assert journal.found.under_way == 1
        assert journal.digest(1) == 1


# Failed rows, again


def test_failed_rows_are_taken_out_and_the_others_stay_as_they_were(path: Path) -> None:
    fill(path, OK, FAILED, REJECTED, FAILED)
    lines = path.read_bytes().splitlines(keepends=True)
    with Journal(path) as journal:
        journal.forget_failed()
        assert journal.found.states == {"ok": 1, "rejected": 1}
        assert [journal.digest(row) for row in (1, 2, 3, 4)] == [101, 0, 103, 0]
        assert path.read_bytes() == lines[0] + lines[2]
        journal.write(4, 104, OK, {})
    assert rows_in(path) == [1, 3, 4]


def test_a_rewritten_file_keeps_who_may_read_it_and_the_links_to_it(path: Path) -> None:
    fill(path, OK, FAILED)
    path.chmod(0o600)
    link = path.parent / "links" / "latest.jsonl"
    link.parent.mkdir()
    link.symlink_to(path)
    with Journal(link) as journal:
        journal.forget_failed()
    assert link.is_symlink()
    assert rows_in(path) == [1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in link.parent.iterdir()] == ["latest.jsonl"], "what a journal needs is beside the file"


def test_a_journal_that_is_being_rewritten_is_still_kept_from_others(path: Path) -> None:
    fill(path, OK, FAILED)
    with Journal(path) as journal:
        journal.forget_failed()
        with pytest.raises(JournalError, match="another process"):
            Journal(path)
        assert journal.digest(1) == 101


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_rewriting_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    fill(path, OK, FAILED)
    before = path.read_bytes()
    with Journal(path) as journal:
        monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), broken(errno.ENOSPC))
        with pytest.raises(JournalError, match="No space left on device"):
            journal.forget_failed()
        monkeypatch.undo()
        assert journal.digest(2) == 102
        assert journal.found.states["failed"] == 1
        journal.write(3, 3, OK, {})
    assert path.read_bytes().startswith(before)
    assert not list(path.parent.glob("*.rewriting"))


def test_a_rewriting_that_was_killed_is_begun_anew(path: Path) -> None:
    fill(path, OK, FAILED, OK)
    before = path.read_bytes()
    left = path.with_name(path.name + ".rewriting")
    for cut in (0, 10, len(before) // 2):
        left.write_bytes(before[:cut])
        with Journal(path) as journal:
            assert not left.exists()
            assert journal.found.states == {"ok": 2, "failed": 1}
    assert path.read_bytes() == before


def test_rows_under_way_when_failed_ones_are_taken_out_are_counted_once(path: Path) -> None:
    with Journal(path) as journal:
        journal.begin(1)
        journal.begin(2)
        journal.write(1, 1, FAILED, {})
    with Journal(path) as journal:
        assert journal.found.under_way == 1
        journal.forget_failed()
    with Journal(path) as journal:
        assert journal.found.under_way == 1


def test_a_million_finished_rows_take_eight_bytes_each(path: Path) -> None:
    with Journal(path) as journal:
        journal.write(1_000_000, 1, OK, {})
        for row in (1, 999_999, 500_000):
            journal.write(row, row, OK, {})
        assert sys.getsizeof(journal._digests) < 10_000_000
