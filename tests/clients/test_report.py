"""The table of what ran: how runs are put together, and when one differs from the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.matrix import DRIVERS, report
from tests.clients.matrix.report import Ran, committed_in, differences, main, merged, table


def row(client: str = "one: Client", version: str = "2.1.0", **fields: Any) -> dict[str, Any]:
    given = {"package": "one", "stack": "httpx", "ways": ["ask", "astream"], "line": "client = router.wrap(client)"}
    return {"client": client, "version": version, **given, **fields}


def test_a_row_tells_the_ways_that_passed_every_check() -> None:
    ran, driver = Ran(), next(each for each in DRIVERS if each.distribution == "requests")
    for check in ("failover", "storm"):
        ran.passed(driver, "ask", check)
    ran.passed(driver, "stream", "failover")
    (found,) = ran.rows(("failover", "storm"))
    assert (found["client"], found["stack"], found["ways"]) == ("requests: Session", "requests", ["ask"])
    assert ran.rows(("failover", "storm", "verify")) == []


def test_of_one_generation_the_latest_release_is_told() -> None:
    runs = [row(version="2.9.0"), row(version="10.0.0")], [row(version="2.10.1")]
    assert [found["version"] for found in merged(runs)] == ["2.10.1", "10.0.0"]


def test_a_table_has_a_line_for_each_row() -> None:
    *_, line = table([row()]).splitlines()
    assert line == "| one: Client | one 2.1.0 | httpx | yes |  |  | yes | `client = router.wrap(client)` |"


def test_releases_within_a_generation_are_no_difference() -> None:
    assert differences(table([row(version="2.1.0")]), table([row(version="2.7.3")])) == []


@pytest.mark.parametrize(
    ("committed", "ran", "said"),
    [
        ([row()], [], "did not run: one: Client | one 2.*"),
        ([], [row()], "not in the docs: one: Client | one 2.*"),
        ([row()], [row(version="3.0.0")], "not in the docs: one: Client | one 3.*"),
        ([row()], [row(ways=["ask"])], "did not run: one: Client | one 2.*"),
        ([row()], [row(stack="httpx2")], "not in the docs: one: Client | one 2.* | httpx2"),
    ],
)
def test_anything_else_is(committed: list[Any], ran: list[Any], said: str) -> None:
    assert any(each.startswith(said) for each in differences(table(committed), table(ran)))


def test_a_run_is_compared_with_the_docs_and_written_into_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs, run = tmp_path / "clients.md", tmp_path / "one.json"
    docs.write_text(f"before\n{report.BEGIN}\n{report.END}\nafter\n")
    run.write_text(json.dumps([row()]))
    monkeypatch.setattr(report, "DOCS", docs)
    assert main([str(run)]) == 1
    assert "not in the docs: one: Client" in capsys.readouterr().out
    assert main(["--write", str(run)]) == 0
    assert main([str(run)]) == 0
    assert "1 rows ran, as clients.md says" in capsys.readouterr().out
    assert docs.read_text().startswith("before\n")
    assert docs.read_text().endswith("after\n")


def test_the_docs_have_the_line_of_every_client() -> None:
    """A newcomer copies it from the table at the top."""
    text = report.DOCS.read_text("utf-8")
    lines = text[: text.index(report.BEGIN)]
    for driver in DRIVERS:
        for part in driver.line.split("..."):
            assert part.strip(" ,()") in lines, f"{driver.name}: {driver.line}"


def test_every_client_is_in_the_table_of_what_ran() -> None:
    ran = committed_in(report.DOCS.read_text("utf-8"))
    assert not [driver.name for driver in DRIVERS if f"| {driver.name} |" not in ran]
