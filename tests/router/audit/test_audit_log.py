from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from router.audit.lines import BEGINNING, Closed, encoded, line
from router.audit.log import Log, LogBroken, LogInUse, set_aside
from router.audit.reading import Chain

AT = "2026-11-21T12:00:00.000000Z"
BODY = encoded(Closed(at=AT))
NEVER = 1 << 40


def chained(file: Path) -> Chain:
    """The chain of a file, read to its end."""
    chain = Chain(file)
    assert [event for _, event in chain.events()]
    return chain


def test_lines_are_added_and_chained_over_several_openings(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    for _ in range(3):
        log = Log(file, NEVER)
        log.add([BODY, BODY])
        log.close()
    assert chained(file).problems == []
    assert file.read_bytes().count(b"\n") == 6


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        log = Log(tmp_path / "a.jsonl", 1)
        log.add([BODY])
        log.rotate()
        log.close()
    finally:
        os.umask(old)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("a.jsonl", "a.jsonl.000001", "a.jsonl.lock"), 0o600)


def test_a_full_file_is_set_aside_and_the_chain_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, 300)
    for _ in range(6):
        if log.full:
            log.rotate()
        log.add([BODY])
    log.close()
    assert [each.name for each in set_aside(file)] == ["a.jsonl.000001", "a.jsonl.000002"]
    assert chained(file).problems == []


def test_the_chain_goes_on_after_a_stop_between_setting_aside_and_the_next_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, 300)
    log.add([BODY])
    log.close()
    file.rename(tmp_path / "a.jsonl.000001")
    log = Log(file, 300)
    log.add([BODY])
    log.close()
    assert chained(file).problems == []


def test_files_of_other_names_are_not_taken_for_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "a[1].jsonl"
    for name in ("a[1].jsonl.000002", "a[1].jsonl.000010", "a[1].jsonl.bak", "a1.jsonl.000001", "xa[1].jsonl.000003"):
        (tmp_path / name).touch()
    assert [each.name for each in set_aside(file)] == ["a[1].jsonl.000002", "a[1].jsonl.000010"]


@pytest.mark.parametrize("torn", [b"{", b'{"n":3,"prev":"00', BODY[:-3]])
def test_a_line_not_finished_is_cut_off_at_the_next_start(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "a.jsonl"
    first, second = line(1, BEGINNING, b'"event":"end","at":"x","request":"","outcome":""')
    file.write_bytes(first + torn)
    log = Log(file, NEVER)
    assert (log.found.unclosed, log.found.torn_bytes) == (True, len(torn))
    log.add([BODY])
    log.close()
    assert chained(file).problems == []
    assert second in file.read_text()


def test_even_if_it_is_the_only_one(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"n":1,')
    log = Log(file, NEVER)
    assert log.found.torn_bytes == 7
    log.add([BODY])
    log.close()
    assert chained(file).problems == []


def test_what_is_no_audit_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes\n")
    with pytest.raises(LogBroken, match="is not an audit"):
        Log(file, NEVER)
    file.write_bytes(b"x" * (2 << 20))
    with pytest.raises(LogBroken, match="longer than any"):
        Log(file, NEVER)
    assert file.stat().st_size == 2 << 20


def test_a_changed_last_line_is_not_added_to(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(line(1, BEGINNING, BODY)[0].replace(b"12:00", b"13:00"))
    with pytest.raises(LogBroken, match="was changed"):
        Log(file, NEVER)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, NEVER)
    with pytest.raises(LogInUse, match=r"another process, or by another router of this one; .*\{pid\}"):
        Log(file, NEVER)
    log.close()
    Log(file, NEVER).close()


def test_another_process_is_kept_out_too(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, NEVER)
    code = f"from router.audit.log import Log; from pathlib import Path; Log(Path({str(file)!r}), 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "LogInUse" in done.stderr
    log.close()


def half_then_full(file: int, data: bytes) -> int:
    """A disk that takes half of what it is given and is full then."""
    if len(data) < 200:
        raise OSError(28, "No space left on device")
    return os.write(file, data[:100])


def test_what_can_not_be_written_whole_is_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, NEVER)
    log.add([BODY])
    whole = file.read_bytes()
    log._write = half_then_full
    with pytest.raises(OSError, match="No space"):
        log.add([BODY, BODY])
    assert file.read_bytes() == whole
    log._write = os.write
    log.add([BODY])
    log.close()
    assert chained(file).problems == []


def test_if_the_next_file_can_not_be_made_the_full_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl"
    log = Log(file, 1)
    log.add([BODY])
    with monkeypatch.context() as patched:
        patched.setattr("router.audit.log._open", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
        with pytest.raises(OSError, match="No space"):
            log.rotate()
    assert set_aside(file) == []
    log.add([BODY])
    log.close()
    assert chained(file).problems == []
