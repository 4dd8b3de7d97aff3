from __future__ import annotations

from pathlib import Path

import pytest

from router.audit.lines import BEGINNING, Closed, Opened, encoded, line
from router.audit.log import Log
from tests.router.audit.support import EU, Audited, lines_of, verified, wrong

AT = "2026-11-21T12:00:00.000000Z"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    audited = Audited(tmp_path / "a.jsonl")
    audited.send()
    audited.audit.close()
    return audited.file


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("at", range(6))
def test_a_line_taken_out_is_found_where_it_was(file: Path, at: int) -> None:
    whole = lines(file)
    file.write_bytes(b"".join(whole[:at] + whole[at + 1 :]))
    assert wrong(verified(file))[0] == f"{at + 1}: is line {at + 2} of the audit, and 1 before it are missing"


@pytest.mark.parametrize("left", [1, 3, 6])
def test_lines_taken_from_the_end_are_missed(file: Path, left: int) -> None:
    file.write_bytes(b"".join(lines(file)[:left]))
    assert wrong(verified(file)) == [
        f"{left}: ends without a closing line: the process that wrote it is still running, or was stopped, or "
        "lines are missing at the end"
    ]
    assert wrong(verified(file, running=True)) == []


def test_lines_in_another_order_are_found(file: Path) -> None:
    whole = lines(file)
    whole[3], whole[4] = whole[4], whole[3]
    file.write_bytes(b"".join(whole))
    assert "4: is line 5 of the audit, and 1 before it are missing" in wrong(verified(file))
    assert "5: is line 4 of the audit, and stands where line 6 is due" in wrong(verified(file))


def test_a_line_written_twice_is_found(file: Path) -> None:
    whole = lines(file)
    file.write_bytes(b"".join([*whole[:3], whole[2], *whole[3:]]))
    assert wrong(verified(file))[0] == "4: is line 3 of the audit, and stands where line 4 is due"


def test_a_line_put_in_the_place_of_another_is_found(file: Path) -> None:
    whole = lines(file)
    whole[1] = line(2, BEGINNING, b'"event":"end","at":"x","request":"","outcome":""')[0]
    file.write_bytes(b"".join(whole))
    assert wrong(verified(file))[0].startswith("2: does not follow the line before")


def test_a_line_cut_in_two_is_found(file: Path) -> None:
    whole = lines(file)
    file.write_bytes(b"".join(whole[:-1]) + whole[-1][:20])
    assert wrong(verified(file))[0] == "7: is cut off: a line was not finished, or was shortened"
    file.write_bytes(b"".join(whole[:2]) + whole[2][:20] + b"\n" + b"".join(whole[3:]))
    assert wrong(verified(file))[0] == "3: was changed"


def test_the_head_noted_elsewhere_tells_of_a_forged_end(tmp_path: Path) -> None:
    """Who can write the file can also end it anew; only what was kept elsewhere says so."""
    audited = Audited(tmp_path / "a.jsonl")
    audited.send()
    head = audited.verified().head
    audited.send()
    audited.audit.close()
    later = lines_of(audited.file)[-1]["hash"]
    assert wrong(verified(audited.file, EU, head=later)) == []
    audited.file.write_bytes(b"".join(lines(audited.file)[:7]))
    assert wrong(verified(audited.file, EU)) == []
    assert wrong(verified(audited.file, EU, head=later)) == [
        f"7: the last line's hash is {head}, not {later}: lines are missing at the end"
    ]


def rotated(file: Path, count: int = 12) -> list[Path]:
    """An audit over several files."""
    log = Log(file, 500)
    log.add([encoded(Opened(at=AT, version="1", pid=1))])
    for _ in range(count):
        if log.full:
            log.rotate()
        log.add([b'"event":"end","at":"x","request":"","outcome":""'])
    log.add([encoded(Closed(at=AT))])
    log.close()
    return [*sorted(file.parent.glob("*.0*")), file]


def test_files_are_read_as_one(tmp_path: Path) -> None:
    files = rotated(tmp_path / "a.jsonl")
    report = verified(tmp_path / "a.jsonl")
    assert (report.files, report.lines, wrong(report)) == ([str(each) for each in files], 14, [])
    assert len(files) > 3


@pytest.mark.parametrize("at", [0, 1, -2, -1])
def test_a_missing_file_is_found(tmp_path: Path, at: int) -> None:
    rotated(tmp_path / "a.jsonl")[at].unlink()
    (found,) = wrong(verified(tmp_path / "a.jsonl"))
    assert "before it are missing" in found or "ends without a closing line" in found


def test_files_that_were_archived_are_no_gap_if_their_last_hash_is_known(tmp_path: Path) -> None:
    first, *_ = rotated(tmp_path / "a.jsonl")
    known = lines_of(first)[-1]["hash"]
    first.unlink()
    assert wrong(verified(tmp_path / "a.jsonl", after=known)) == []
    assert "does not follow" in wrong(verified(tmp_path / "a.jsonl", after="0" * 64))[0]


def test_an_audit_opened_twice_over_is_found(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.jsonl", 1 << 40)
    log.add([encoded(Opened(at=AT, version="1", pid=1)), encoded(Opened(at=AT, version="1", pid=2))])
    log.add([encoded(Closed(at=AT))])
    log.close()
    assert wrong(verified(tmp_path / "a.jsonl")) == ["2: opens an audit that was not closed"]


def test_a_line_of_another_version_is_told(tmp_path: Path) -> None:
    log = Log(tmp_path / "a.jsonl", 1 << 40)
    log.add([b'"event":"dance","at":"x"', encoded(Closed(at=AT))])
    log.close()
    assert "1: is nothing that this version of the package writes" in wrong(verified(tmp_path / "a.jsonl"))[0]
