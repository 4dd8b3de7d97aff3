from __future__ import annotations

import json
from pathlib import Path

import pytest

import catalog
from catalog.loader import SHIPPED
from router.cli.main import main
from tests.router.audit.support import Audited, lines_of, rewritten
from tests.world import gemini_url, make_router


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> Path:
    """A good audit."""
    audited = Audited(folder / "a.jsonl", script={"europe-west1": [429]})
    audited.send()
    audited.audit.close()
    return audited.file


Output = pytest.CaptureFixture[str]


def test_a_good_audit_is_told_with_its_head(file: Path, capsys: Output) -> None:
    assert main(["audit", "verify", "a.jsonl", "--residency", "eu"]) == 0
    out = capsys.readouterr().out
    assert "8 lines in 1 file: 1 request, 2 attempts, 0 refused" in out
    assert "nothing is wrong: the chain is whole and every attempt allowed by the policy given (residency eu" in out
    assert f"head {lines_of(file)[-1]['hash']}" in out


def test_without_a_policy_it_says_whose_policies_they_were(file: Path, capsys: Output) -> None:
    assert main(["audit", "verify", str(file)]) == 0
    assert "by the policies that it names itself" in capsys.readouterr().out


def test_what_is_wrong_is_told_with_file_and_line(file: Path, capsys: Output) -> None:
    rewritten(file, lambda each: {**each, "host": "example.com"} if each.get("number") == 2 else each)
    assert main(["audit", "verify", "a.jsonl"]) == 1
    out = capsys.readouterr().out
    assert "a.jsonl:7: went to the host example.com, which is not that of europe-west4" in out
    assert "1 thing wrong" in out


def test_json_holds_the_same(file: Path, capsys: Output) -> None:
    file.write_bytes(file.read_bytes()[:-10])
    assert main(["audit", "verify", "a.jsonl", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["line"] for each in found["problems"]] == [8, 8]
    assert (found["requests"], found["attempts"], found["head"]) == (1, 2, "")


def test_a_long_list_is_cut_for_people(file: Path, capsys: Output) -> None:
    file.write_bytes(b"x\n" * 100)
    assert main(["audit", "verify", "a.jsonl"]) == 1
    assert "and 51 more (--json names them all)" in capsys.readouterr().out


def test_an_audit_still_written_is_no_finding_if_one_says_so(file: Path, capsys: Output) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert main(["audit", "verify", "a.jsonl"]) == 1
    assert main(["audit", "verify", "a.jsonl", "--running"]) == 0


def test_the_head_kept_elsewhere_is_compared(file: Path, capsys: Output) -> None:
    assert main(["audit", "verify", "a.jsonl", "--head", lines_of(file)[-1]["hash"]]) == 0
    assert main(["audit", "verify", "a.jsonl", "--head", "0" * 64]) == 1
    with pytest.raises(SystemExit, match="2"):
        main(["audit", "verify", "a.jsonl", "--head", "abc"])
    assert "expected 64 hexadecimal digits, got 'abc'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "summary"])
def test_no_audit_is_an_error_of_input(command: str, capsys: Output) -> None:
    assert main(["audit", command, "nothing.jsonl"]) == 2
    assert capsys.readouterr().err == "vertex-router: nothing.jsonl: there is no audit there\n"


def test_a_summary_is_a_table(file: Path, capsys: Output) -> None:
    assert main(["audit", "summary", "a.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "1 request from 2026-11-21T12:00:00.000000Z" in out
    assert "1 answered" in out
    assert "gemini-2.5-flash-image  europe-west1  1         0         processing-inside  1 exhausted" in out


def test_a_summary_of_a_changed_audit_says_so(file: Path, capsys: Output) -> None:
    file.write_bytes(file.read_bytes().replace(b'"ok"', b'"OK"'))
    assert main(["audit", "summary", "a.jsonl", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["chain_problems"] == 1
    assert "was changed or is not whole: see `audit verify`" in err


@pytest.mark.parametrize("given", [["--residency", "eu"], ["--policy", "p.toml"]])
def test_a_question_is_put_on_record(given: list[str], folder: Path, capsys: Output) -> None:
    (folder / "p.toml").write_text('residency = "eu"\n\n[audit]\nfile = "elsewhere.jsonl"\non_failure = "continue"\n')
    asked = ["ask", "--emulate", "--model", "gemini-3.5-flash", *given, "--audit", "a.jsonl", "the marked prompt"]
    assert main(asked) == 0
    assert main(["audit", "verify", "a.jsonl", *given]) == 0
    assert "marked prompt" in capsys.readouterr().out
    assert "marked prompt" not in (folder / "a.jsonl").read_text()
    assert not (folder / "elsewhere.jsonl").exists()


def test_a_question_that_can_not_be_put_on_record_is_not_asked(folder: Path, capsys: Output) -> None:
    asked = ["ask", "--emulate", "--model", "gemini-3.5-flash", "--residency", "eu", "--audit", "no/a.jsonl", "hello"]
    assert main(asked) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "the audit can't be written: [Errno 2] No such file or directory" in err


def test_what_a_probe_assumes_is_found_again(folder: Path, capsys: Output) -> None:
    """A probe asks of a catalog in which every model is served everywhere; verifying makes it anew."""
    models = ["--models", "gemini-3.5-flash", "gemini-2.5-flash-image"]
    asked = ["probe", "--emulate", "--rate", "1000", "--residency", "eu", *models, "--audit", "a.jsonl"]
    assert main(asked) in (0, 4)
    assert main(["audit", "verify", "a.jsonl", "--residency", "eu"]) == 0
    assert main(["audit", "verify", "a.jsonl", "--residency", "de"]) == 1


def test_lines_of_an_earlier_version_want_its_catalog(folder: Path, capsys: Output) -> None:
    earlier = folder / "earlier"
    earlier.mkdir()
    (earlier / "models").mkdir()
    for each in [*SHIPPED.glob("*.toml"), *SHIPPED.glob("models/*.toml")]:
        text = each.read_text("utf-8").replace('name = "worldwide"', 'name = "global"')
        (earlier / each.relative_to(SHIPPED)).write_text(text, "utf-8")
    audited = Audited(folder / "a.jsonl")
    audited.router = make_router(audited.router.policy, catalog=catalog.load(earlier), observers=[audited.audit])
    audited.send(gemini_url())
    audited.audit.close()
    assert main(["audit", "verify", "a.jsonl"]) == 1
    assert "is not at hand" in capsys.readouterr().out
    assert main(["audit", "verify", "a.jsonl", "--catalog", "earlier"]) == 0
