"""The emulator's life: starting, leading clients to it, scripting it, ending it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import httpx
import pytest

import router.emulator as package
from router.emulator import (
    Emulator,
    EmulatorError,
    InvalidScenario,
    MissingExtra,
    NotRunning,
    Quota,
    Scenario,
    StartFailed,
)
from router.emulator import emulator as module

GEMINI = {"contents": [{"parts": [{"text": "x"}]}]}
GENERATE = "google/models/gemini-3.8-flash:generateContent"


def test_it_runs_in_a_thread_of_its_own_and_leaves_none_behind(small):
    with Emulator(catalog=small):
        assert "vertex-emulator" in [thread.name for thread in threading.enumerate()]
    assert "vertex-emulator" not in [thread.name for thread in threading.enumerate()]


def test_the_shipped_catalog_is_the_default():
    with Emulator(on=date(2026, 11, 21)) as emulator, emulator.activated():
        host = emulator.catalog.location("eu").host
        url = f"https://{host}/v1/projects/p/locations/eu/publishers/{GENERATE}"
        response = httpx.post(url, json=GEMINI, headers={"authorization": "Bearer t"}, timeout=5)
    assert response.status_code == 200


def test_the_emulated_day_decides_what_is_served(small):
    host = small.location("eu").host
    url = f"https://{host}/v1/projects/p/locations/eu/publishers/{GENERATE}"
    before, after = date(2026, 8, 31), date(2026, 9, 1)
    for scenario, on, status in (
        (None, before, 404),
        (Scenario(on=before), None, 404),
        (Scenario(on=before), after, 200),
    ):
        with Emulator(scenario, catalog=small, on=on) as emulator, emulator.activated():
            response = httpx.post(url, json=GEMINI, headers={"authorization": "Bearer t"}, timeout=5)
        assert response.status_code == status


def test_a_scenario_can_be_given_by_its_path(small, tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text('project = "from-a-file"', encoding="utf-8")
    for given in (path, str(path)):
        with Emulator(given, catalog=small) as emulator:
            assert emulator.environment()["GOOGLE_CLOUD_PROJECT"] == "from-a-file"


def test_a_wrong_scenario_is_an_error_before_anything_starts(small):
    with pytest.raises(InvalidScenario, match="'moon' is not a location"):
        Emulator(Scenario(behaviours=(package.Behaviour(location="moon"),)), catalog=small)


def test_the_environment_is_complete_and_its_files_exist(emulator):
    values = emulator.environment()
    assert values["HTTPS_PROXY"] == values["https_proxy"] == emulator.place.proxy_url
    assert values["NO_PROXY"] == values["no_proxy"] == "127.0.0.1,localhost"
    assert values["GOOGLE_CLOUD_PROJECT"] == "emulated-project"
    for name in (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ):
        assert Path(values[name]).is_file()
    assert "GCE_METADATA_HOST" not in values


def test_the_environment_for_the_metadata_server_has_no_credentials_file(emulator):
    values = emulator.environment("gce")
    assert values["GOOGLE_APPLICATION_CREDENTIALS"] == ""
    assert values["GCE_METADATA_HOST"] == values["GCE_METADATA_IP"] == f"127.0.0.1:{emulator.place.plain_port}"


def test_activating_restores_exactly_what_was_there(small, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://before")
    monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", "https://elsewhere")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    before = dict(os.environ)
    with Emulator(catalog=small) as emulator:
        with contextlib.suppress(ZeroDivisionError), emulator.activated():
            assert os.environ["HTTPS_PROXY"] == emulator.place.proxy_url
            assert os.environ["SSL_CERT_FILE"]
            assert "ANTHROPIC_VERTEX_BASE_URL" not in os.environ
            raise ZeroDivisionError
        assert dict(os.environ) == before


def test_files_are_gone_after_the_end(small):
    with Emulator(catalog=small) as emulator:
        files = [Path(emulator.environment()[name]) for name in ("SSL_CERT_FILE", "GOOGLE_APPLICATION_CREDENTIALS")]
    assert not any(file.exists() for file in files)


def test_before_the_start_and_after_the_end_there_is_no_environment(small):
    emulator = Emulator(catalog=small)
    with pytest.raises(NotRunning, match="context manager"):
        emulator.environment()
    with emulator:
        pass
    with pytest.raises(NotRunning):
        emulator.environment()


def test_starting_and_closing_twice_is_harmless_and_it_can_be_started_again(small):
    emulator = Emulator(catalog=small)
    place = emulator.start().place
    assert emulator.start().place == place
    emulator.close()
    emulator.close()
    with emulator:
        assert emulator.place.directory != place.directory


def test_what_was_seen_can_be_asked_after_the_end(small):
    with Emulator(catalog=small) as emulator, emulator.activated():
        httpx.get("https://storage.googleapis.com/", timeout=5)
    assert emulator.witness.hosts == ("storage.googleapis.com",)
    assert len(emulator.requests) == 1


def test_it_ends_with_clients_hanging(small):
    with Emulator(catalog=small) as emulator, emulator.activated():
        emulator.script("eu", outage="silent")
        url = f"https://{small.location('eu').host}/v1/projects/p/locations/eu/publishers/{GENERATE}"
        failures = []

        def hang(client):
            try:
                client.post(url, json=GEMINI)
            except httpx.TransportError as error:
                failures.append(error)

        clients = [httpx.Client(headers={"authorization": "Bearer t"}, timeout=30) for _ in range(5)]
        threads = [threading.Thread(target=hang, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        while len(emulator.requests) < len(threads):
            time.sleep(0.001)
    for thread in threads:
        thread.join(5)
    for client in clients:
        client.close()
    assert len(failures) == 5
    assert "vertex-emulator" not in [thread.name for thread in threading.enumerate()]


def test_quota_goes_by_the_clock_that_is_handed_in(small, clock):
    with Emulator(catalog=small, on=date(2026, 11, 21), clock=clock) as emulator, emulator.activated():
        emulator.script("eu", quota=Quota(per_second=1))
        url = f"https://{small.location('eu').host}/v1/projects/p/locations/eu/publishers/{GENERATE}"
        with httpx.Client(headers={"authorization": "Bearer t"}, timeout=5) as client:
            statuses = [client.post(url, json=GEMINI).status_code for _ in range(2)]
            clock.now += 1
            statuses.append(client.post(url, json=GEMINI).status_code)
        assert statuses == [200, 429, 200]
        assert [request.at_s for request in emulator.requests] == [0, 0, 1]


def test_scripts_replace_each_other(emulator, post):
    emulator.script("eu", errors=[429, 503])
    assert post("eu", GENERATE, GEMINI).status_code == 429
    emulator.script("eu", errors=["not_allowed"])
    assert [post("eu", GENERATE, GEMINI).status_code for _ in range(2)] == [400, 200]
    emulator.script("eu", outage="unavailable")
    assert post("eu", GENERATE, GEMINI).status_code == 503
    emulator.script("eu")
    assert post("eu", GENERATE, GEMINI).status_code == 200


def test_a_wrong_script_is_an_error_and_changes_nothing(emulator, post):
    with pytest.raises(InvalidScenario, match=r"script: behaviour #1: field `errors\[0\]`: expected one of"):
        emulator.script("eu", errors=["quota"])
    with pytest.raises(InvalidScenario, match="'moon' is not a location"):
        emulator.script("moon", outage="silent")
    assert post("eu", GENERATE, GEMINI).status_code == 200


def test_a_start_that_fails_says_why_and_can_be_tried_again(small, monkeypatch):
    emulator = Emulator(catalog=small)
    with monkeypatch.context() as patch:
        patch.setattr("socket.create_server", lambda *_, **__: (_ for _ in ()).throw(OSError("no port left")))
        with pytest.raises(StartFailed, match="no port left"):
            emulator.start()
    with emulator:
        assert emulator.environment()


def test_a_missing_extra_is_one_clear_error(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(MissingExtra) as caught:
        Emulator(catalog=small).start()
    assert str(caught.value) == ("the emulator needs 'trustme'; install it with: pip install 'vertex-router[emulator]'")
    assert isinstance(caught.value, EmulatorError)


def test_what_grpc_needs_is_only_asked_for_with_it(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    with Emulator(catalog=small):
        pass
    with pytest.raises(MissingExtra, match="needs 'grpc'; install it with: pip install google-cloud-aiplatform"):
        Emulator(catalog=small, grpc=True).start()


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys; import router; before = set(sys.modules)\n"
        "import router.emulator, router.emulator.pytest_plugin\n"
        "heavy = {'asyncio', 'ssl', 'h11', 'trustme', 'cryptography', 'msgspec', 'catalog', 'httpx', 'subprocess'}\n"
        "import pytest\n"
        "print(sorted(name for name in set(sys.modules) - before if name in heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import pytest\n" + program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_no_other():
    assert sorted(package.__all__) == sorted(package._HOMES)
    assert all(getattr(package, name).__module__.startswith("router.emulator.") for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Emulater'"):
        _ = package.Emulater
    assert package.Emulator is module.Emulator
