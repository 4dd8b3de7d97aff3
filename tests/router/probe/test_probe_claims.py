"""The overlay that a probe writes."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

import catalog
from catalog.errors import Problem
from catalog.lint import lint
from catalog.loader import overlay_draft
from router import Policy, Router
from router.probe import Record, RecordError, source_of
from tests.router.probe.probing import found_at, not_found, quota_exceeded, refusal, resource
from tests.world import TODAY

TOMORROW = TODAY + timedelta(days=1)
SERVED, ABSENT = found_at("eu"), found_at("us", 404, not_found("us"))
FLASH, CLAUDE = "gemini-3.8-flash", "claude-opus-4-7"


def written(file: Path, *findings: object, on: date = TODAY, project: str = "p") -> Record:
    record = Record.read(file, project).joined(source_of(project, on), findings)  # type: ignore[arg-type]
    record.write(file, on)
    return record


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "probe-p.toml"


def test_findings_become_claims_of_the_project_s_own_source(file: Path) -> None:
    written(file, SERVED, ABSENT)
    known = catalog.load(overlay=file)
    yes, no = (known.served(FLASH, name, "standard", TODAY) for name in ("eu", "us"))
    assert (yes.verdict, no.verdict) == ("yes", "no")
    assert yes.own
    assert yes.claim is not None
    assert no.claim is not None
    assert (yes.claim.source, yes.claim.where, yes.claim.checked, yes.claim.since, yes.claim.confidence) == (
        *("probe-p-2026-11-21", "countTokens answered 200", TODAY, TODAY, "high"),
    )
    assert (no.claim.where, no.claim.confidence) == ("countTokens answered 404", "medium")
    assert no.reason == "not found here, or not open to this project, by this project's own source 'probe-p-2026-11-21'"


def test_an_error_that_leaves_no_doubt_is_better_evidence(file: Path) -> None:
    body = refusal(400, f"Publisher Model `{resource('us')}` is not servable in region us.")
    (claim,) = written(file, found_at("us", 400, body)).claims
    assert (claim.served, claim.confidence) == ("no", "high")


def test_what_establishes_nothing_is_no_claim(file: Path) -> None:
    record = Record().joined(source_of("p", TODAY), [found_at("eu", 429, quota_exceeded()), found_at("us", 403)])
    assert record == Record()


def test_a_claim_is_never_about_where_processing_stays(file: Path) -> None:
    before = catalog.load().boundary(FLASH, "us-east5", TODAY)
    written(file, SERVED, ABSENT, found_at("us-east5"))
    assert tomllib.loads(file.read_text("utf-8")).keys() == {"source", "availability"}
    assert catalog.load(overlay=file).boundary(FLASH, "us-east5", TODAY) == before


def test_seen_serving_is_not_enough_for_a_residency(file: Path) -> None:
    written(file, found_at("europe-west9"))
    router = Router(Policy(residency="eu"), catalog=catalog.load(overlay=file))
    plan = router.explain(FLASH, on=TODAY)
    assert "europe-west9" not in {each.location for each in plan.candidates}
    assert {each.rule for each in plan.refused if each.location == "europe-west9"} == {"boundary-unknown"}


def test_every_rule_of_the_catalog_is_kept(file: Path) -> None:
    written(file, SERVED, ABSENT)
    written(file, found_at("us"), found_at("europe-west1", model=CLAUDE), on=TOMORROW)
    problems: list[Problem] = []
    draft = overlay_draft(file, catalog.load(), problems)
    assert problems + lint(draft, TOMORROW) == []


def test_a_later_probe_supersedes_and_yesterday_s_answer_can_be_had_again(file: Path) -> None:
    written(file, ABSENT)
    written(file, found_at("us"), on=TOMORROW)
    known = catalog.load(overlay=file)
    assert [known.served(FLASH, "us", "standard", on).verdict for on in (TODAY, TOMORROW)] == ["no", "yes"]


def test_a_second_probe_of_a_day_replaces_its_findings_and_keeps_the_others(file: Path) -> None:
    written(file, SERVED, ABSENT)
    record = written(file, found_at("us"), found_at("global", 503))
    assert [(claim.locations, claim.served) for claim in record.claims] == [(("eu", "us"), "yes")]
    assert len(record.sources) == 1


def test_the_same_findings_give_the_same_file(file: Path) -> None:
    first = written(file, SERVED, ABSENT).text()
    assert written(file, ABSENT, SERVED).text() == first == file.read_text("utf-8")


@pytest.mark.parametrize(
    "more",
    ["# mine\n", '\n[[reservation]]\nmodel = "gemini-3.8-flash"\nlocation = "eu"\ngsu = 5\n', "not TOML", "\n"],
)
def test_a_file_that_was_edited_is_refused_and_left_alone(file: Path, more: str) -> None:
    written(file, SERVED)
    file.write_text(text := file.read_text("utf-8") + more, "utf-8")
    with pytest.raises(RecordError, match="give another file with -o"):
        Record.read(file, "p")
    assert file.read_text("utf-8") == text


def test_a_file_holds_the_probes_of_one_project(file: Path) -> None:
    written(file, SERVED)
    with pytest.raises(RecordError, match="not a probe of q"):
        Record.read(file, "q")


def test_a_file_that_can_t_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "no" / "such.toml"):
        with pytest.raises(RecordError, match="can't be written"):
            Record.read(file, "p")


def test_nothing_is_half_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(file, SERVED).text()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RecordError, match="no space left"):
        written(file, ABSENT)
    assert file.read_text("utf-8") == before
    assert list(file.parent.iterdir()) == [file]


def test_what_would_not_be_a_valid_overlay_is_not_written(file: Path) -> None:
    record = Record().joined(source_of("p", TODAY), [found_at("eu", model="gemini-9")])
    with pytest.raises(catalog.InvalidCatalog, match="gemini-9"):
        record.write(file, TODAY)
    assert not list(file.parent.iterdir())


def test_models_of_another_overlay_may_be_found(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "own.toml"
    other.write_text(
        '[[model]]\nid = "mine"\nname = "Mine"\npublisher = "google"\nfamily = "mine"\ntask = "text"\n'
        'methods = ["countTokens"]\nstage = "ga"\n',
        "utf-8",
    )
    Record().joined(source_of("p", TODAY), [found_at("eu", model="mine")]).write(file, TODAY, [other])
    assert catalog.load(overlay=[other, file]).served("mine", "eu", "standard", TODAY).verdict == "yes"


@pytest.mark.parametrize("project", ["", "A", 'p"\n[[denied]]', "a/b", "p" * 101])
def test_a_project_is_named_as_google_names_them(project: str) -> None:
    with pytest.raises(RecordError, match="not the id"):
        source_of(project, TODAY)


def test_claims_can_be_given_less_confidence() -> None:
    record = Record().joined(source_of("p", TODAY, "an emulator"), [SERVED], "low")
    assert record.claims[0].confidence == "low"
    assert record.sources[0].title == "an emulator"
