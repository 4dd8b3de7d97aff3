"""An audit in a world where time stands still, written through a router."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

import catalog
from router import Policy, Router
from router.audit.audit import Audit
from router.audit.lines import line
from router.audit.log import Log
from router.audit.verify import Report, catalogs_of, verify
from router.auditing import Auditing
from tests.world import Backend, gemini_url, make_router

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EU = Policy(residency="eu")
CATALOG = catalog.load()


class Audited:
    """A router, its audit and a scripted service."""

    def __init__(
        self,
        file: Path,
        policy: Policy = EU,
        script: dict[str, Any] | None = None,
        *,
        open_log: Callable[..., Log] = Log,
        **settings: Any,
    ) -> None:
        self.file = file
        self.audit = Audit(Auditing(file=str(file), **settings), policy, now=lambda: NOON, open_log=open_log)
        self.backend = Backend(httpx, script)
        self.router: Router = make_router(policy, observers=[self.audit])

    def send(self, url: str = "", body: Any = None, **headers: str) -> Any:
        with httpx.Client(transport=self.router.transport(transport=self.backend.transport)) as client:
            return client.post(url or gemini_url(), json=body or {}, headers=headers)

    def lines(self) -> list[dict[str, Any]]:
        """What stands in the file."""
        assert self.audit.flush()
        return lines_of(self.file)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [each for each in self.lines() if each["event"] == name]

    def verified(self, policy: Policy | None = None, **options: Any) -> Report:
        """What is found in the closed file."""
        self.audit.close()
        return verified(self.file, policy, **options)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in file.read_bytes().splitlines()]


def verified(file: Path, policy: Policy | None = None, **options: Any) -> Report:
    return verify(file, catalogs_of(CATALOG), policy, **options)


def wrong(report: Report) -> list[str]:
    """What is wrong, each with the line it is in."""
    return [f"{each.place.line}: {each.text}" for each in report.problems]


def rewritten(file: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Writes a file anew as a forger would who knows how the chain is made: every line changed or left out."""
    hashes, number, raws = "0" * 64, 0, []
    for each in lines_of(file):
        data = change({name: value for name, value in each.items() if name not in ("n", "prev", "hash")})
        if data is not None:
            number += 1
            raw, hashes = line(number, hashes, json.dumps(data, separators=(",", ":")).encode()[1:-1])
            raws.append(raw)
    file.write_bytes(b"".join(raws))
