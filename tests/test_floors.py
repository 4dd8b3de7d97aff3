"""The rooms stand on floors: a file imports only from floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up; a new file goes as low as its imports allow.
FLOORS = (
    "catalog/errors catalog/lines catalog/refresh/pages catalog/schema"
    " router/batch/lineup router/batch/outcome router/batch/tasks"
    " router/audit/__init__ router/audit/lines router/auditing"
    " router/capacity/chance router/capacity/growth router/capacity/tally router/deadline router/redaction router/wire",
    "catalog/decode catalog/own catalog/refresh/cards catalog/refresh/proposal catalog/tariff router/probe/calls"
    " router/batch/record router/members"
    " router/audit/log",
    "catalog/costs catalog/entries catalog/query",
    "catalog/draft catalog/price_files catalog/usages catalog/refresh/facts",
    "catalog/lint/dates catalog/lint/hosts catalog/lint/order catalog/lint/overlaps catalog/lint/periods"
    " catalog/lint/places catalog/lint/prices catalog/lint/provisioned catalog/lint/references"
    " catalog/lint/sources catalog/lint/templates catalog/lint/unbounded catalog/lint/unique catalog/lint/widening"
    " catalog/refresh/drift catalog/refresh/patch",
    "catalog/history catalog/lint/__init__ catalog/overlay catalog/refresh/__init__",
    "catalog/loader",
    "catalog/__init__ catalog/prices router/bell router/capacity/breaker router/capacity/knobs router/capacity/pace"
    " router/counts router/hosts router/loops router/modes router/pins router/plan",
    "catalog/price_table catalog/throughput router/keys router/capacity/budget router/capacity/events"
    " router/capacity/pools router/capacity/sent router/signals router/status router/streams",
    "router/capacity/recorder router/faults router/features router/probe/verdict router/relay router/resources"
    " router/thrift router/trace router/used",
    "router/affinity router/errors router/health router/target router/waiting",
    "router/contents router/directives router/endpoints",
    "router/capacity/lanes router/capacity/outbox"
    " router/destination router/policy router/probe/claims router/sizes router/stack"
    " router/batch/settings"
    " router/audit/reading router/audit/writer",
    "router/capacity/choice router/capacity/registry",
    "router/capacity/tickets",
    "router/capacity/learning router/capacity/turns",
    "router/capacity/controller",
    "router/capacity/__init__",
    "router/auth router/clients router/flow router/guard router/rules router/tightening"
    " router/batch/journal router/batch/requests"
    " router/audit/digests router/audit/summary",
    "router/drive router/planner router/batch/results router/batch/source router/batch/summary router/audit/evidence",
    "router/alternatives router/batch/conventions router/audit/verify",
    "router/decisions",
    "router/core router/batch/forecast router/batch/twins",
    "router/exchange router/functions router/scope router/batch/run router/audit/audit router/telemetry",
    "router/send router/batch/asking router/batch/job",
    "router/asend router/batch/__init__",
    "router/transport",
    "router/adapter router/wrap/frameworks router/wrap/kinds router/wrap/live router/wrap/stainless router/batch/world",
    "router/verify/path router/wrap/genai",
    "router/verify/frameworks router/verify/sdks router/verify/stacks",
    "router/verify/walk",
    "router/verify/__init__",
    "router/wrap/clients",
    "router/wrap/__init__",
    "router/router",
    "router/__init__ router/probe/agenda",
    "router/probe/report router/probe/run",
    "router/probe/__init__",
    "router/cli/__init__ router/cli/options router/cli/output router/cli/progress router/cli/scenes",
    "router/cli/batch_view router/cli/catalog/evidence",
    "router/cli/ask router/cli/batch router/cli/catalog/diff router/cli/catalog/expiring"
    " router/cli/catalog/features router/cli/catalog/lint router/cli/catalog/listing router/cli/catalog/reading"
    " router/cli/catalog/price router/cli/catalog/show router/cli/catalog/sources"
    " router/cli/catalog/where router/cli/demo router/cli/emulate router/cli/explain router/cli/probe"
    " router/cli/audit",
    "router/cli/catalog/refresh",
    "router/cli/catalog/__init__",
    "router/cli/main",
)

# The emulator is a house of its own: it stands on the catalog, and the router does not know of it.
EMULATOR_FLOORS = (
    "environment errors identity listener paths records speech tls wire wording",
    "background bodies chat claude embeddings gemini proxy responses rpc tokens workload",
    "behaviour front iam oauth",
    "scenario script streams",
    "methods serving",
    "vertex",
    "emulator",
    "marking serve",
    "__init__",
    "pytest_plugin",
)


def floors() -> dict[str, int]:
    """The floor of each file, named by its path without `.py`."""
    found = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
    ground = found["catalog/__init__"] + 1
    for floor, names in enumerate(EMULATOR_FLOORS, ground):
        found |= {f"router/emulator/{name}": floor for name in names.split()}
    return found


FLOOR = floors()
FILES = {
    file.relative_to(ROOT).with_suffix("").as_posix(): file
    for package in ("catalog", "router")
    for file in sorted((ROOT / package).rglob("*.py"))
}


def file_of(module: str) -> str | None:
    """The file of a module's dotted name; None when it is not of this project."""
    path = module.replace(".", "/")
    return next((name for name in (path, f"{path}/__init__") if name in FILES), None)


def imported(file: str) -> Iterator[str]:
    """The files of this project that a file imports, wherever in it, also for types only."""
    for node in ast.walk(ast.parse(FILES[file].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [(alias.name,) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written out from the top, not with dots"
            modules = [(f"{node.module}.{alias.name}", str(node.module)) for alias in node.names]
        else:
            continue
        for names in modules:
            yield from [found for found in map(file_of, names) if found][:1]


def test_every_file_has_a_floor() -> None:
    for file in FILES:
        lowest = 1 + max((FLOOR.get(each, 0) for each in imported(file)), default=-1)
        assert file in FLOOR, f"{file} has no floor in this test's table; by its imports the lowest is {lowest}"


def test_every_floor_has_its_files() -> None:
    gone = FLOOR.keys() - FILES.keys()
    assert not gone, f"this test's table names files that are not there: {', '.join(sorted(gone))}"


def test_no_file_has_two_floors() -> None:
    named = " ".join(FLOORS).split() + [f"router/emulator/{name}" for name in " ".join(EMULATOR_FLOORS).split()]
    assert sorted(set(named)) == sorted(named)


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_from_lower_floors(file: str) -> None:
    """So there is no cycle either: one of its imports would lead upwards or stay on its floor."""
    for other in imported(file):
        here, there = FLOOR.get(file, len(FLOORS)), FLOOR.get(other, len(FLOORS))
        assert there < here, f"{file} (floor {here}) imports {other} (floor {there})"


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("catalog/")])
def test_the_catalog_imports_nothing_of_the_router(file: str) -> None:
    assert not [other for other in imported(file) if not other.startswith("catalog/")]


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("router/emulator/")])
def test_the_emulator_imports_nothing_but_the_catalog(file: str) -> None:
    assert not [other for other in imported(file) if not other.startswith(("catalog/", "router/emulator/"))]


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("router/")])
def test_only_the_command_line_imports_the_emulator(file: str) -> None:
    if not file.startswith(("router/emulator/", "router/cli/")):
        assert not [other for other in imported(file) if other.startswith("router/emulator/")]


def test_imports_are_read_wherever_they_stand() -> None:
    assert {"router/errors", "router/router"} <= set(imported("router/__init__")), "for types only"
    assert "router/emulator/vertex" in set(imported("router/emulator/emulator")), "inside a function"
    assert "router/wrap/stainless" in set(imported("router/wrap/clients")), "a file named like a value"
