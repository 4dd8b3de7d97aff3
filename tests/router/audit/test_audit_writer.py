from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from router.audit.lines import Ended, PolicyLine
from router.audit.log import Log
from router.audit.writer import Entry, Notice, Writer
from router.errors import AuditFailed
from tests.router.audit.support import lines_of, verified, wrong

AT = "2026-11-21T12:00:00.000000Z"


def entry(name: str = "r") -> Entry:
    return Entry(Ended(at=AT, request=name, outcome="deadline"))


class Disk:
    """A disk that fails when told to."""

    def __init__(self) -> None:
        self.full = False

    def open(self, path: Path, rotate_bytes: int) -> Log:
        return Log(path, rotate_bytes, self._write)

    def _write(self, file: int, data: bytes) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return os.write(file, data)


def make_writer(file: Path, *, refuse: bool = True, disk: Disk | None = None, **options: Any) -> Writer:
    disk = disk or Disk()
    settings: dict[str, Any] = {"rotate_bytes": 1 << 40, "now": lambda: AT, "version": "1", "open_log": disk.open}
    return Writer(str(file), refuse=refuse, **{**settings, **options})


def requests(file: Path) -> list[str]:
    return [each["request"] for each in lines_of(file) if each["event"] == "end"]


def test_lines_are_written_in_the_order_in_which_they_were_handed_over(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    writer = make_writer(file)
    for number in range(2000):
        writer.put(entry(str(number)))
    assert writer.flush()
    assert requests(file) == [str(number) for number in range(2000)]
    writer.close()
    assert [each["event"] for each in lines_of(file)][::2001] == ["opened", "closed"]


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "a.jsonl")
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_one_opens_again(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    writer = make_writer(file)
    for name in "ab":
        writer.put(entry(name))
        writer.close()
    assert [each["event"] for each in lines_of(file)] == ["opened", "end", "closed"] * 2
    assert not [each for each in lines_of(file) if each.get("unclosed")]


def test_a_notice_stands_once_in_each_file_before_what_needs_it(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    notice = Notice("d", PolicyLine(at=AT, policy="d", fields={}))
    writer = make_writer(file, rotate_bytes=700)
    for _ in range(6):
        writer.put(Entry(Ended(at=AT, request="", outcome=""), [notice]))
        assert writer.flush()
    writer.close()
    files = [*sorted(tmp_path.glob("a.jsonl.0*")), file]
    assert len(files) > 1
    for each in files:
        events = [line["event"] for line in lines_of(each)]
        assert "end" not in events or events.index("policy") < events.index("end")
        assert events.count("policy") == ("end" in events)


def test_while_the_disk_is_full_requests_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    file, disk = tmp_path / "a.jsonl", Disk()
    writer = make_writer(file, disk=disk)
    writer.put(entry("before"))
    assert writer.flush()
    disk.full = True
    writer.put(entry("on its way"))
    assert not writer.flush()
    with pytest.raises(AuditFailed, match=r"nothing was sent: the audit can't be written: .*No space left"):
        writer.put(entry("refused"))
    with pytest.raises(AuditFailed):
        writer.check()
    writer.put(entry("what was done"), after=True)
    disk.full = False
    assert writer.flush()
    writer.put(entry("after"))
    writer.close()
    assert requests(file) == ["before", "on its way", "what was done", "after"]
    assert [each["refused"] for each in lines_of(file) if each["event"] == "gap"] == [2]
    assert writer.refused == 2


def test_what_the_disk_would_not_sync_is_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, seconds = tmp_path / "a.jsonl", iter(range(0, 10**6, 2))
    writer = make_writer(file, clock=lambda: next(seconds))
    with monkeypatch.context() as patched:
        patched.setattr("router.audit.log.os.fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        writer.put(entry("a"))
        writer.flush()
        with pytest.raises(AuditFailed, match="Input/output error"):
            any(writer.put(entry(str(number))) for number in range(10_000))
    writer.put(entry("done"), after=True)
    assert writer.flush()
    writer.close()
    names = requests(file)
    assert names == list(dict.fromkeys(names))
    assert (names[0], names[-1]) == ("a", "done")
    assert wrong(verified(file)) == []


def test_or_they_go_on_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    file, disk = tmp_path / "a.jsonl", Disk()
    writer = make_writer(file, refuse=False, disk=disk, kept=3)
    writer.put(entry("before"))
    assert writer.flush()
    disk.full = True
    for number in range(10):
        writer.put(entry(str(number)))
        writer.flush()
    disk.full = False
    assert writer.flush()
    writer.close()
    assert requests(file) == ["before", "0", "1", "2"]
    assert (writer.lost, [each["lost"] for each in lines_of(file) if each["event"] == "gap"]) == (7, [7])


def test_a_disk_that_does_not_keep_up_refuses_too(tmp_path: Path) -> None:
    writer = make_writer(tmp_path / "a.jsonl", kept=0)
    with pytest.raises(AuditFailed, match="does not keep up"):
        writer.put(entry())
    writer.put(entry("done"), after=True)
    writer.put(entry("a refusal"), after=True, keep=False)
    writer.close()
    assert requests(tmp_path / "a.jsonl") == ["done"]
    assert writer.lost == 1


@pytest.mark.parametrize("refuse", [True, False])
def test_a_file_that_can_not_be_opened_is_told_of_at_once(
    tmp_path: Path, refuse: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer = make_writer(tmp_path / "nowhere" / "a.jsonl", refuse=refuse)
    if refuse:
        with pytest.raises(AuditFailed, match="No such file or directory"):
            writer.open()
    else:
        writer.open()
        writer.put(entry())
        assert not writer.flush()
    assert "No such file" in caplog.text


def test_what_is_told_of_a_failure_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    writer = make_writer(tmp_path / "a.jsonl", refuse=False, disk=disk)
    writer.put(entry())
    assert writer.flush()
    disk.full = True
    with caplog.at_level(logging.DEBUG, "router.audit"):
        for _ in range(5):
            writer.put(entry())
            writer.flush()
    assert len(caplog.records) == 1
    disk.full = False
    writer.close()


def test_a_process_that_was_killed_is_told_of_by_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "a.jsonl"
    code = """
        import os, signal, sys
        from pathlib import Path
        from tests.router.audit.test_audit_writer import entry, make_writer
        writer = make_writer(Path(sys.argv[1]))
        writer.put(entry("a"))
        writer.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), file], check=False)
    with file.open("ab") as torn:
        torn.write(b'{"n":3,"prev":')
    writer = make_writer(file)
    writer.put(entry("b"))
    writer.close()
    assert "cut off 14 bytes" in caplog.text
    assert requests(file) == ["a", "b"]
    report = verified(file)
    assert wrong(report) == []
    assert [each.place.line for each in report.notes] == [3]
    assert "14 bytes of a line not finished" in report.notes[0].text


def test_a_copy_of_the_process_writes_a_file_of_its_own(tmp_path: Path) -> None:
    """Servers make the router first and their workers from it."""
    code = """
        import os, sys
        from pathlib import Path
        from tests.router.audit.test_audit_writer import entry, make_writer
        writer = make_writer(Path(sys.argv[1]))
        writer.put(entry("parent"))
        writer.flush()
        child = os.fork()
        writer.put(entry("child" if child == 0 else "parent"))
        writer.close()
        if child:
            os.waitpid(child, 0)
    """
    # From 3.12 on Python warns of every copy of a process that has threads, which is what is tried here.
    quiet = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    done = subprocess.run([*quiet, textwrap.dedent(code), tmp_path / "a-{pid}.jsonl"], check=False, capture_output=True)
    assert done.stderr == b""
    told = sorted(requests(each) for each in tmp_path.glob("*.jsonl"))
    assert told == [["child"], ["parent", "parent"]]
    assert [wrong(verified(each)) for each in tmp_path.glob("*.jsonl")] == [[], []]


def test_a_copy_that_has_no_file_of_its_own_is_told(tmp_path: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from router.errors import AuditFailed
        from tests.router.audit.test_audit_writer import entry, make_writer
        writer = make_writer(Path(sys.argv[1]))
        writer.put(entry("parent"))
        writer.flush()
        child = os.fork()
        if child == 0:
            try:
                writer.put(entry("child"))
            except AuditFailed as error:
                print(error)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
        writer.close()
    """
    file = tmp_path / "a.jsonl"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), file], check=True, capture_output=True)
    assert b"{pid} in the name" in done.stdout
    assert requests(file) == ["parent"]


def test_what_was_handed_over_is_written_when_the_program_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    code = """
        import sys
        from router import Policy, Router
        router = Router(Policy(residency="eu", audit=sys.argv[1]))
        router.call(lambda to: to.location, model="gemini-3.8-flash")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), file], check=True)
    assert [each["event"] for each in lines_of(file)][-3:] == ["decision", "attempt", "closed"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as the system has it")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    code = """
        import resource, sys
        from pathlib import Path
        from router.errors import AuditFailed
        from tests.router.audit.test_audit_writer import entry, make_writer
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
        writer = make_writer(Path(sys.argv[1]))
        sent = 0
        try:
            for sent in range(100):
                writer.put(entry(str(sent)))
                writer.flush()
        except AuditFailed as error:
            print(sent, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        writer.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), file], check=True, capture_output=True, text=True
    )
    sent, _, error = done.stdout.partition(" ")
    assert "File too large" in error
    assert requests(file) == [str(number) for number in range(int(sent))]
    assert wrong(verified(file)) == []
