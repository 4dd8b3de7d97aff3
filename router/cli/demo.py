"""`vertex-router demo`: real SDK clients on a scripted bad day, and a witness of where bytes went."""

from __future__ import annotations

import argparse
import importlib.util
import textwrap
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console

from router.emulator import Emulator
from router.errors import RouterError
from router.plan import Plan
from router.router import Router
from router.trace import Trace

if TYPE_CHECKING:
    from router.cli.scenes import Call, Scene

FAILED = 1
_FEW = 4
_NEEDED = {"anthropic": "anthropic", "google.genai": "google-genai", "openai": "openai", "trustme": "trustme"}


class MissingClients(RouterError):
    """The demo's clients are not installed."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "demo",
        help=line,
        description="Starts the emulator and runs google-genai, anthropic and openai through a scripted bad day. "
        "Prints each call's way, why other locations were refused, and the hosts that were contacted. "
        "Exit code 1 when anything does not hold.",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Runs every scene; 1 when one does not hold."""
    del given
    missing = [name for module, name in _NEEDED.items() if not _installed(module)]
    if missing:
        raise MissingClients(f"the demo needs {', '.join(missing)}; pip install 'vertex-router[demo]'")
    return Show(Console()).run()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


class Show:
    """Runs the scenes and prints what happened; keeps count, and a list of what does not hold."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wrong: list[str] = []
        self._calls = self._attempts = self._failovers = 0

    def run(self) -> int:
        """Runs them all; 1 when something does not hold."""
        from router.cli.scenes import SCENES  # noqa: PLC0415 - needs the emulator's extra

        started = time.monotonic()
        self._say("Vertex AI is emulated on this machine: real SDKs, real TLS and host names; nothing leaves.")
        with Emulator() as emulator, emulator.activated():
            for number, scene in enumerate(SCENES, 1):
                self._scene(emulator, number, scene)
        counts = f"{self._calls} calls, {self._attempts} attempts, {self._failovers} failovers"
        self._say(f"\n{counts} in {time.monotonic() - started:.1f} s")
        for wrong in self._wrong:
            self._say(f"[bold red]does not hold:[/] {wrong}")
        if not self._wrong:
            self._say(
                "[bold green]everything holds[/]: each call took its way, and no host outside a policy was contacted"
            )
        return FAILED if self._wrong else 0

    def _scene(self, emulator: Emulator, number: int, scene: Scene) -> None:
        plan = Router(scene.policy).explain(scene.model)
        self._say(f"\n[bold]{number}. {scene.title}[/]")
        self._say(f"   {scene.model}, {scene.policy.summary}")
        emulator.clear()
        for call in scene.calls:
            self._call(emulator, scene, call)
        self._tell(plan)
        self._check_hosts(emulator, plan, scene)

    def _call(self, emulator: Emulator, scene: Scene, call: Call) -> None:
        traces: list[Trace] = []
        for bad in call.day:
            emulator.script(bad.location, errors=bad.errors, latency=bad.latency, stream=bad.stream)
        try:
            got = call.run(Router(scene.policy, observe=traces.append))
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            self._wrong.append(f"{call.how}: {got}")
        for bad in call.day:
            emulator.script(bad.location)
        way = traces[-1].header() if traces else ""
        if way != call.way:
            self._wrong.append(f"{call.how}: went {way or 'nowhere'} instead of {call.way or 'nowhere'}")
        self._count(traces[-1] if traces else None)
        waited = f", after waiting {traces[-1].waited_s:.1f} s" if traces and traces[-1].waited_s else ""
        self._say(f"   [cyan]{call.how}[/]")
        self._say(f"      {way.replace(', ', ' -> ') or 'nothing was sent'}{waited}")
        self._say(f"      {textwrap.shorten(got, 100, placeholder=' ...')}")

    def _count(self, trace: Trace | None) -> None:
        self._calls += 1
        ways = [each.attempt.candidate.location for each in trace.tried] if trace else []
        self._attempts += len(ways)
        self._failovers += sum(one != other for one, other in pairwise(ways))

    def _tell(self, plan: Plan) -> None:
        """Why these locations, and why not the others."""
        self._say("   why:")
        for warning in plan.warnings:
            self._say(f"      [yellow]warning:[/] {warning}")
        for each in plan.allowed:
            self._say(f"      [green]{each.candidate.location}[/]: {each.why}")
        for reason, members in plan.refusals():
            names = [each.location for each in members]
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            self._say(f"      [red]not {', '.join(names[:_FEW])}{more}[/]: {reason}")
        for alternative in plan.alternatives if not plan.allowed else ():
            self._say(f"      instead: {alternative}")

    def _check_hosts(self, emulator: Emulator, plan: Plan, scene: Scene) -> None:
        """The witness, which saw every connection, against the plan."""
        contacted = emulator.witness.hosts
        outside = [host for host in contacted if host not in {each.host for each in plan.allowed}]
        self._say(f"   hosts contacted, as the proxy saw them: {', '.join(contacted) or 'none'}")
        if outside:
            self._wrong.append(f"{scene.title}: outside the policy: {', '.join(outside)}")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
