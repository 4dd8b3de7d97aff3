"""Whole programs, watched from outside: which hosts they contact, by the proxy that is their only way out.

Each runs as a process of its own; where the machine permits it, in a network that has nothing but a
loopback, so that what goes around the proxy goes nowhere.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import catalog
from tests.world import TODAY

ROOT = Path(__file__).parents[2]
CATALOG = catalog.load()
NEW_NETWORK = ["unshare", "--map-root-user", "--net"]

BEGIN = f"""
import asyncio, datetime
from router import Policy, Router
HELLO = {{"contents": [{{"role": "user", "parts": [{{"text": "hello"}}]}}]}}
router = Router(Policy(residency="eu"), today=lambda: datetime.date{TODAY.timetuple()[:3]})
"""
IMAGE = "gemini-2.5-flash-image"
URL = "https://aiplatform.googleapis.com/v1/projects/p/locations/{}/publishers/google/models/{}:generateContent"

PROGRAMS = {
    "anthropic": """
from anthropic import AnthropicVertex, AsyncAnthropicVertex
asked = dict(model="claude-opus-4-7", max_tokens=9, messages=[{"role": "user", "content": "hello"}])
with AnthropicVertex(project_id="p", region="global") as own, router.wrap(own) as client:
    client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        stream.get_final_message()
    client.messages.count_tokens(model=asked["model"], messages=asked["messages"])
async def main():
    async with router.wrap(AsyncAnthropicVertex(project_id="p", region="us-east5")) as client:
        await client.messages.create(**asked)
asyncio.run(main())
""",
    "google.genai": f"""
from google import genai
client = genai.Client(vertexai=True, project="p", location="global", http_options=router.genai_http_options())
client.models.generate_content(model="{IMAGE}", contents="a heron")
list(client.models.generate_content_stream(model="gemini-3.5-flash", contents="hello"))
client.models.count_tokens(model="gemini-3.5-flash", contents="hello")
async def main():
    await client.aio.models.generate_content(model="{IMAGE}", contents="a heron")
asyncio.run(main())
""",
    "openai": """
from openai import OpenAI
base = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi"
with OpenAI(base_url=base, api_key="an-access-token") as own, router.wrap(own) as client:
    asked = dict(model="google/gemini-3.5-flash", messages=[{"role": "user", "content": "hello"}])
    client.chat.completions.create(**asked)
    list(client.chat.completions.create(stream=True, **asked))
""",
    "httpx": f"""
import httpx
with httpx.Client(transport=router.transport(), auth=router.google_auth()) as client:
    for location in ("us-central1", "europe-west2", "global"):
        client.post("{URL}".format(location, "{IMAGE}"), json=HELLO).raise_for_status()
""",
    "router.call": f"""
import httpx
def use(to):
    url = f"{{to.base_url}}v1/{{to.model_name}}:generateContent"
    httpx.post(url, json=HELLO, headers={{"authorization": "Bearer x", **to.headers}}).raise_for_status()
router.call(use, model="{IMAGE}", project="p")
""",
    "router.batch": f"""
summary = router.batch(["a heron", "an egret", "a stork"] * 4, project="p", model="{IMAGE}").run()
assert summary.done == 12, summary
""",
}
COMMANDS = {
    "ask": ["--model", "gemini-3.8-flash", "Hello"],
    "batch": ["{folder}/in.jsonl", "-o", "{folder}/out.jsonl", "--model", "gemini-3.8-flash", "--concurrency", "4"],
    "probe": ["--models", "gemini-3.8-flash", "claude-opus-4-7", "-o", "{folder}/measured.toml", "--rate", "1000"],
}
"""All that send; `emulate` and `demo` start what they send to."""

REFUSED = f"""
import httpx
from router import NotSent
for url in ("https://example.com/x", "{URL.format("us-central1", "gemini-9")}", "https://generativelanguage.googleapis.com/v1"):
    with httpx.Client(transport=router.transport()) as client:
        try:
            client.post(url, json={{"contents": []}})
        except NotSent:
            continue
        raise SystemExit(3)
"""
UNROUTED = f"""
import httpx
httpx.post("{URL.format("global", IMAGE)}", json={{"contents": []}})
try:
    httpx.post("https://example.com/", json={{}})
except httpx.ProxyError:
    pass
"""
BAD_DAY = """
[[behaviour]]
location = "europe-west1"
errors = [429, 503]

[[behaviour]]
location = "europe-west4"
errors = [500]
"""


@cache
def networks_can_be_made() -> bool:
    """Whether this machine permits a process a network of its own."""
    tried = [*NEW_NETWORK, sys.executable, "-c", "from tests.proof.cage import raise_loopback; raise_loopback()"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(tried, cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.fixture(params=["behind the proxy", "in a network of its own"])
def caged(request: pytest.FixtureRequest) -> bool:
    """Whether the program is to run in a network of its own."""
    wanted = request.param == "in a network of its own"
    if wanted and not networks_can_be_made():
        pytest.skip("this machine permits no network namespaces; the proxy alone is the witness")
    return bool(wanted)


def seen(tmp_path: Path, program: list[str], *, caged: bool) -> dict[str, Any]:
    """What was witnessed of a program on a bad day."""
    (tmp_path / "bad_day.toml").write_text(BAD_DAY, "utf-8")
    options = ["--scenario", str(tmp_path / "bad_day.toml"), "--on", TODAY.isoformat(), *(["--caged"] if caged else [])]
    cage = [sys.executable, "-m", "tests.proof.cage", *options, "--", *program]
    command = [*NEW_NETWORK, *cage] if caged else cage
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert not found["way_out"], "the network has a way out"
    return {**found, "errors": ran.stderr}


def hosts_in_the_eu() -> set[str]:
    inside = CATALOG.countries("eu")
    return {each.host for each in CATALOG.locations.values() if each.jurisdiction and CATALOG.place(each.id) <= inside}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_under_an_eu_policy_contacts_hosts_in_the_eu_only(name: str, caged: bool, tmp_path: Path) -> None:
    if not name.startswith(("httpx", "router.")) and find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    found = seen(tmp_path, [sys.executable, "-c", BEGIN + PROGRAMS[name]], caged=caged)
    assert found["code"] == 0, found["errors"]
    assert found["hosts"]
    assert set(found["hosts"]) <= hosts_in_the_eu()
    assert found["refused"] == []
    assert [status for *_, status in found["requests"]].count(200) >= 1


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_contacts_hosts_in_the_eu_only(command: str, caged: bool, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"prompt": "a heron"}\n{"prompt": "an egret"}\n{"prompt": "a stork"}\n', "utf-8"
    )
    main = "from router.cli.main import main; raise SystemExit(main())"
    given = [word.format(folder=tmp_path) for word in COMMANDS[command]]
    options = ["--project", "p", "--residency", "eu", *given]
    found = seen(tmp_path, [sys.executable, "-c", main, command, *options], caged=caged)
    assert found["code"] == 0, found["errors"]
    assert found["hosts"] == ["aiplatform.eu.rep.googleapis.com"]
    assert found["refused"] == []


def test_what_is_refused_contacts_nobody(caged: bool, tmp_path: Path) -> None:
    found = seen(tmp_path, [sys.executable, "-c", BEGIN + REFUSED], caged=caged)
    assert found["code"] == 0, found["errors"]
    assert found["hosts"] == found["requests"] == []


def test_the_witness_sees_a_program_without_a_router(caged: bool, tmp_path: Path) -> None:
    found = seen(tmp_path, [sys.executable, "-c", UNROUTED], caged=caged)
    assert found["code"] == 0, found["errors"]
    assert found["hosts"] == ["aiplatform.googleapis.com", "example.com"]
    assert found["refused"] == ["example.com"]
