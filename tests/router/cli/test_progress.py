from __future__ import annotations

import io
import sys

import pytest

from router.cli.progress import progress
from tests.router.probe.probing import found_at


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_a_long_round_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as listener:
        for done in range(1, 201):
            listener.answered(found_at("eu"), done, 200)
        listener.waiting(60.0, 2)
        listener.answered(found_at("eu"), 1, 2)
        listener.answered(found_at("us", 503), 2, 2)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "20 of 200 answered; gemini-3.8-flash at eu: served"
    assert lines[9] == "200 of 200 answered; gemini-3.8-flash at eu: served"
    assert lines[10] == "2 without capacity: asked again in 60 s"
    assert lines[12] == "2 of 2 answered; gemini-3.8-flash at us: unknown"
    assert len(lines) == 13


def test_on_a_terminal_it_is_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress() as listener:
        listener.answered(found_at("eu"), 1, 2)
        listener.waiting(60.0, 1)
        listener.answered(found_at("us", 503), 1, 1)
    assert "1/1" in terminal.getvalue()
    assert "gemini-3.8-flash at us: unknown" in terminal.getvalue()
