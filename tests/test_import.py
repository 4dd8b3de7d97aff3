"""Importing is cheap: pytest imports `router` in every project that has it installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    *("httpx", "httpx2", "requests", "aiohttp", "h11", "uvicorn"),
    *("anthropic", "openai", "google.genai", "google.auth.transport.requests"),
    *("yaml", "rich", "trustme", "cryptography"),
)
# What only some programs need, by what they call; and what only a router that has been made needs.
FOR_SOME = (
    *("router.adapter", "router.functions", "router.verify", "router.wrap", "router.audit.audit", "router.batch"),
    *("router.capacity.recorder", "router.telemetry", "catalog.history", "catalog.prices", "csv", "json"),
    *("secrets", "hmac", "hashlib", "_hashlib"),  # the last is OpenSSL, 3.5 MiB
)
FOR_THE_CATALOG = ("catalog.loader", "catalog.draft", "catalog.entries", "catalog.lint", "catalog.overlay", "tomli")

# Prints the modules that a statement has loaded, and the files that it has opened.
PROBE = """
import sys
opened = []
before = set(sys.modules)
sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))
{statement}
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([loaded, opened]))
"""


def loaded_by(statement: str) -> tuple[set[str], list[str]]:
    code = PROBE.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, opened = json.loads(done.stdout)
    return set(modules), opened


@pytest.mark.parametrize("statement", ["import router", "from router import Policy, Router", "import router.emulator"])
def test_importing_loads_no_http_stack_no_sdk_and_no_catalog_data(statement: str) -> None:
    modules, opened = loaded_by(statement)
    assert not modules & set(HEAVY)
    assert not [file for file in opened if file.endswith(".toml")]


def test_importing_the_package_alone_loads_nothing_of_the_catalog() -> None:
    modules, _ = loaded_by("import router")
    assert not {name for name in modules if name.split(".")[0] == "catalog"}
    assert {name for name in modules if name.split(".")[0] == "router"} == {"router"}


def test_making_a_router_reads_the_catalog_and_loads_no_http_stack() -> None:
    modules, opened = loaded_by("from router import Policy, Router; Router(Policy(residency='eu'))")
    assert not modules & set(HEAVY)
    assert [file for file in opened if file.endswith("locations.toml")]


def test_importing_the_names_loads_nothing_that_only_some_programs_need() -> None:
    modules, _ = loaded_by("from router import Policy, Router")
    assert not modules & {*FOR_SOME, *FOR_THE_CATALOG}


def test_the_first_plan_needs_nothing_that_only_some_programs_need() -> None:
    modules, _ = loaded_by(
        "from router import Policy, Router; Router(Policy(residency='eu')).explain('gemini-2.5-pro')"
    )
    assert not modules & set(FOR_SOME)
    assert set(FOR_THE_CATALOG) - modules == {"catalog.overlay"}


def test_every_module_that_is_loaded_later_is_there_to_be_loaded() -> None:
    modules, _ = loaded_by(f"import {', '.join((*FOR_SOME, *FOR_THE_CATALOG))}")
    assert modules >= {*FOR_SOME, *FOR_THE_CATALOG}


def test_the_probe_sees_what_is_loaded() -> None:
    modules, _ = loaded_by("import httpx")
    assert "httpx" in modules
