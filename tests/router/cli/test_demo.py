from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from router.cli import demo, scenes
from router.cli.main import main
from router.policy import Policy
from router.router import Router

# The SDKs leave the connections open by which they fetch tokens.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


def play(monkeypatch: pytest.MonkeyPatch, scene: scenes.Scene, way: str) -> int:
    """Runs the demo with one call of one scene, on a good day."""
    call = scenes.Call(how="a call", run=scene.calls[0].run, day=(), way=way)
    only = scenes.Scene(title="a scene", model=scene.model, policy=scene.policy, calls=(call,))
    monkeypatch.setattr(scenes, "SCENES", (only,))
    return main(["demo"])


def test_the_demo_holds_and_shows_what_a_newcomer_needs() -> None:
    command = [sys.executable, "-c", "from router.cli.main import main; raise SystemExit(main(['demo']))"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "europe-west1=429 -> europe-west4=503 -> europe-west8=200",
        "NoRoute: no location may serve this request",
        "hosts contacted, as the proxy saw them: none",
        "11 calls, 20 attempts, 8 failovers",
        "everything holds",
    ):
        assert words in done.stdout


def test_a_way_that_is_not_taken_fails_the_demo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert play(monkeypatch, scenes.SCENES[1], way="us=200") == 1
    assert "went eu=200 instead of us=200" in capsys.readouterr().out


def test_a_host_outside_the_policy_fails_the_demo(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes by the witness: here the call is made under another policy than the scene's."""

    def astray(policy: Policy, **options: Any) -> Router:
        return Router(Policy(residency="us") if options else policy, **options)

    monkeypatch.setattr(demo, "Router", astray)
    assert play(monkeypatch, scenes.SCENES[1], way="us=200") == 1
    assert "outside the policy: aiplatform.us.rep.googleapis.com" in capsys.readouterr().out


def test_missing_clients_are_named_with_the_cure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_installed", lambda module: module != "anthropic")
    assert main(["demo"]) == 2
    assert "the demo needs anthropic; pip install 'vertex-router[demo]'" in capsys.readouterr().err
