from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main

AT = ["--on", "2026-11-21"]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["catalog", "price", *arguments, *AT]) == 0
    return capsys.readouterr().out


def data(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown(capsys, *arguments, "--json"))
    return found


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["catalog", "price", *arguments, *AT]) == 2
    return capsys.readouterr().err


# The list


def test_the_list_is_by_mode_place_and_context_with_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "gemini-2.5-pro")
    assert "\nstandard\n" in text
    assert "\nbatch\n" in text
    rows = [line.split() for line in text.splitlines()]
    assert [">=", "200,001", "15", "1,000,000", "token", "1", "output", "of", "text"] in rows
    assert "free: a day, 1,500 grounded prompts are free" in text
    assert "(1) https://cloud.google.com/vertex-ai/generative-ai/pricing (2025-12-17" in text


def test_the_list_can_be_of_one_place_and_one_mode(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "claude-sonnet-4-6", "--location", "eu", "--mode", "batch")
    assert {(each["mode"], *each["locations"]) for each in found["rates"]} == {("batch", "eu")}
    read = next(each for each in found["rates"] if each["use"] == "input")
    assert (read["usd"], read["per"], read["modalities"]) == ("1.65", 1_000_000, ["text", "image"])
    assert [rule["times"] for rule in read["rules"]] == ["1.1"]
    assert {read["source"], *(rule["source"] for rule in read["rules"])} <= set(found["sources"])


def test_the_list_says_what_comes_back_and_where_sources_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert "50 % back as credits until 2027-01-01" in shown(capsys, "gemini-3.8-flash")
    assert "sources differ: litellm" in shown(capsys, "claude-opus-5-5")


def test_a_dynamic_price_is_a_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert "preference balanced: input 0.63 to 1.26, output 2.5 to 5" in shown(capsys, "model-optimizer")
    assert data(capsys, "model-optimizer")["ranges"][0]["output"] == ["0.63", "2.5"]


def test_a_list_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "claude-sonnet-4-6", "--mode", "flex")
    assert "no price is known" in text
    assert "leave out --location and --mode" in text


# A call


def test_a_call_is_reckoned_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    usage = ["--input", "1000", "--output", "500", "--cached", "300", "--location", "eu"]
    text = shown(capsys, "claude-sonnet-4-6", *usage)
    assert "claude-sonnet-4-6 at eu in standard mode on 2026-11-21, USD" in text
    assert "by a rule, x 1.1 for multi_region, region" in text
    found = data(capsys, "claude-sonnet-4-6", *usage)
    # 1,000 x 3.3/M + 500 x 16.5/M + 300 x 0.33/M
    assert [each["list_usd"] for each in found["lines"]] == ["0.0033", "0.00825", "0.000099"]
    assert (found["list_usd"], found["credit_usd"], found["net_usd"]) == ("0.011649", "0", "0.011649")


def test_credits_are_told_with_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "gemini-3.8-flash", "--input", "1000000")
    assert "costs 1.5\n  of which 0.75 comes back as credits, until 2027-01-01\n  leaves 0.75\n" in text


def test_what_is_not_text_is_an_amount(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(
        capsys, "gemini-2.5-flash", "--amount", "input:1_500:audio", "--amount", "google_search:2:text:grounded_prompt"
    )
    assert [(each["use"], each["quantity"], each["list_usd"]) for each in found["lines"]] == [
        ("input", "1500", "0.0015"),
        ("google_search", "2", "0.07"),
    ]
    assert any("free" in warning or "used up" in warning for warning in found["warnings"])


def test_the_body_of_an_answer_tells_the_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100, "thoughtsTokenCount": 100}}
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    assert data(capsys, "gemini-2.5-flash", "--answer", str(file))["list_usd"] == "0.0008"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([{"x": 1}, body])))
    assert data(capsys, "gemini-2.5-flash", "--answer", "-")["list_usd"] == "0.0008"


def test_a_price_that_is_not_known_is_an_error_that_says_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = failed(capsys, "claude-sonnet-4-6", "--input", "10", "--mode", "flex")
    assert "no price is known of 'claude-sonnet-4-6' at global in flex mode" in text
    assert "Known: input: 3 USD" in text


@pytest.mark.parametrize(("text", "said"), [("{}", "expected the body of an answer"), ("{", "Expecting")])
def test_an_answer_without_a_usage_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "answer.json"
    file.write_text(text, encoding="utf-8")
    error = failed(capsys, "gemini-2.5-flash", "--answer", str(file))
    assert str(file) in error
    assert said in error


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("inptu:5", "'inptu' is none of input, output"),
        ("input:x", "'x' is not a number"),
        ("input", "'' is not a number"),
        ("input:-1", "zero or more"),
        ("input:1:text:token:more", "too many parts"),
    ],
)
def test_a_wrong_amount_is_told(capsys: pytest.CaptureFixture[str], amount: str, said: str) -> None:
    with pytest.raises(SystemExit):
        main(["catalog", "price", "gemini-2.5-flash", "--amount", amount])
    assert said in capsys.readouterr().err


# A load


def test_a_load_needs_units_and_says_by_which_sum(capsys: pytest.CaptureFixture[str]) -> None:
    load = ["claude-opus-5", "--rps", "3", "--input", "1000", "--output", "200"]
    text = shown(capsys, *load)
    assert "29 GSU: 6,000 units a second / 210 of a GSU = 28.57 (1)" in text
    assert "ordered through an account representative" in text
    found = data(capsys, *load)
    assert (found["gsus"], found["terms"], found["units_per_second"]) == (29, [], 6000.0)
    assert "no price of a GSU is known" in found["unknown"]


def test_googles_example_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    load = ["--rps", "10", "--input", "1000", "--amount", "input:500:audio", "--output", "300"]
    assert main(["catalog", "price", "gemini-2.0-flash", *load, "--on", "2026-01-05"]) == 0
    text = capsys.readouterr().out
    assert "17 GSU: 57,000 units a second / 3,360 of a GSU = 16.96 (1)" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["3", "months", "40,800", "month", "122,400", "2"] in rows


def test_a_load_without_a_call_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--rps needs the usage of one call" in failed(capsys, "claude-opus-5", "--rps", "3")


@pytest.mark.parametrize("rate", ["0", "-1", "x", "inf", "nan"])
def test_a_rate_is_above_zero(capsys: pytest.CaptureFixture[str], rate: str) -> None:
    with pytest.raises(SystemExit):
        main(["catalog", "price", "claude-opus-5", f"--rps={rate}", "--input", "1"])
    assert "expected a number above 0" in capsys.readouterr().err
