"""`vertex-router probe`: which models really answer where, for one project."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import date
from itertools import groupby
from pathlib import Path

import anyio

from catalog import Catalog
from router.cli.options import add_audit, add_json, add_overlay, add_policy, catalog_of, count, policy_of, today
from router.cli.output import Grid, Screen, counted, print_json
from router.cli.progress import progress
from router.errors import RouterError
from router.probe import Agenda, Compared, Outcome, Record, Report, Survey, agenda_of, compared, source_of

FAILED, USAGE, NOTHING_ALLOWED, DRIFTED, INTERRUPTED = 1, 2, 3, 4, 130
_NAMED = 4
_NOWHERE = "retired, or not open to this project"
_EMULATED = "emulated-project"
_NO_EVIDENCE = "vertex-router probe against the built-in emulator: no evidence of anything"


class ProbeError(RouterError):
    """The probe can't be made as given."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "probe",
        help=line,
        description="Asks each model, at each location that the policy admits for it, with the cheapest call that is "
        "evidence: counting the tokens of one word, which is free, or a call of a few tokens, made with --spend only. "
        "Nothing outside the policy is contacted. What was found is compared with the catalog, and written to an "
        "overlay as dated claims, for --overlay. A call shows where a model answers, never where processing stays. "
        "Exit code 0: as the catalog says; 4: drift; 1: it did not come to its end, or established nothing; "
        "130: interrupted, with what was found until then written.",
    )
    parser.add_argument("--project", default=os.environ.get("GOOGLE_CLOUD_PROJECT"), help="the Google Cloud project")
    parser.add_argument("--models", nargs="+", default=[], metavar="MODEL", help="ask only these (default: all)")
    add_policy(parser)
    add_overlay(parser)
    add_audit(parser)
    parser.add_argument("--spend", action="store_true", help="make calls that cost money, too")
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked; send and write nothing")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the overlay to write or add to (probe-PROJECT.toml)"
    )
    parser.add_argument("--rate", type=_above_0, default=2.0, metavar="N", help="calls a second, at most (2)")
    parser.add_argument("--concurrency", type=count, default=4, metavar="N", help="calls at the same time, at most (4)")
    parser.add_argument("--deadline", type=_above_0, default=1800.0, metavar="S", help="no call after S seconds (1800)")
    parser.add_argument(
        "--emulate", nargs="?", const="", metavar="SCENARIO", help="ask the built-in emulator, for a project of its own"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Asks, writes what was found, and shows it beside the catalog."""
    with nullcontext(today()) if given.emulate is None else _emulated(given.emulate) as on:
        # What an emulator said must never stand among the findings of a real project.
        project = given.project if given.emulate is None else _EMULATED
        if not project:
            raise ProbeError("no project: give --project or set GOOGLE_CLOUD_PROJECT")
        known = catalog_of(given)
        agenda = agenda_of(known, policy_of(given), on, given.models, spend=given.spend)
        if given.dry_run:
            return _dry(agenda, given)
        if not agenda.pairs:
            return _nothing_to_ask(agenda)
        audit = agenda.router.audit
        with closing(audit) if audit else nullcontext():
            return _probe(given, known, project, on, agenda)


@contextmanager
def _emulated(scenario: str) -> Iterator[date]:
    """The emulator, and the environment by which clients and credentials reach it; gives its day."""
    from router.emulator import Emulator, Scenario  # noqa: PLC0415 - needs an extra

    behaviour = Scenario.load(scenario) if scenario else Scenario()
    on = behaviour.on or today()
    with Emulator(behaviour, on=on) as emulator, emulator.activated():
        yield on


def _probe(given: argparse.Namespace, known: Catalog, project: str, on: date, agenda: Agenda) -> int:
    file = given.output or Path(f"probe-{project.replace(':', '-')}.toml")
    source = source_of(project, on, "" if given.emulate is None else _NO_EVIDENCE)
    record = Record.read(file, project)  # a file that can't be added to is told of before a long survey
    with progress() as listener:
        limits = {"rate_per_s": given.rate, "concurrency": given.concurrency, "deadline_s": given.deadline}
        survey = Survey(agenda, project, listener, **limits)
        interrupted = _interrupted(survey)
    joined = record.joined(source, survey.findings, None if given.emulate is None else "low")
    kept = any(each.served != "unknown" for each in survey.findings)
    if kept:
        joined.write(file, on, [Path(each) for each in given.overlay if Path(each).resolve() != file.resolve()])
    rows = tuple(compared(known, survey.findings, on))
    report = Report(project=project, on=on, agenda=agenda, rows=rows, stopped=survey.stopped)
    if given.json:
        print_json({**report.as_dict(), "overlay": str(file) if kept else None})
    else:
        show(report, Screen())
        print(f"written to {file}, by the source {source.id}" if kept else f"nothing to write to {file}")
    if survey.stopped:
        left = f"; what was found is in {file}" if kept else ""
        print(f"vertex-router: the probe did not come to its end: {survey.stopped}{left}", file=sys.stderr)
    return INTERRUPTED if interrupted else _code(report)


def _interrupted(survey: Survey) -> bool:
    """Runs a survey; whether it was interrupted. What it found until then is kept."""
    try:
        anyio.run(survey.run)
    except KeyboardInterrupt:
        return True
    return False


def _code(report: Report) -> int:
    if report.stopped or len(report.unsettled) == len(report.rows):
        return FAILED
    return DRIFTED if report.drifted else 0


def _nothing_to_ask(agenda: Agenda) -> int:
    """Says why nothing is asked: the policy admits none of the models, or they need another way to be asked."""
    print("vertex-router: there is nothing to ask; nothing was sent", file=sys.stderr)
    for model, reason in agenda.unasked():
        print(f"  {model}: {reason}", file=sys.stderr)
    return USAGE if agenda.skipped else NOTHING_ALLOWED


def _dry(agenda: Agenda, given: argparse.Namespace) -> int:
    """Says what would be asked."""
    if given.json:
        asked = [
            {"model": each.model, "location": each.location, "call": each.call.method, "costs": each.call.costs}
            for each in agenda.pairs
        ]
        print_json({"policy": agenda.summary, "would_ask": asked, "not_asked": agenda.not_asked()})
        return 0
    screen = Screen()
    grid = Grid("model", "call", "", "where")
    for (model, call), pairs in groupby(agenda.pairs, key=lambda each: (each.model, each.call)):
        grid.add(model, call.method, "costs" if call.costs else "free", ", ".join(each.location for each in pairs))
    if agenda.pairs:
        screen.grid(grid)
    _show_unasked(agenda, screen)
    calls = len(agenda.pairs)
    time = f"in {calls / given.rate:.0f} s or more"
    screen.line("\n", f"would make {counted(calls, 'call')}, {time} ({agenda.summary}); nothing was sent")
    return 0


def show(report: Report, screen: Screen) -> None:
    """Prints what was found: where it parts from the catalog, what was not settled or asked, and a summary."""
    screen.line((report.project, "bold"), f" on {report.on}, {report.agenda.summary}")
    if report.drifted:
        screen.line("\n", ("the catalog says otherwise", "bold"))
        screen.grid(_drift_grid(report), 2)
    _show_groups("zero quota", _reasons(row for row in report.rows if row.finding.outcome is Outcome.NO_QUOTA), screen)
    _show_groups("not settled", _reasons(report.unsettled), screen)
    if report.nowhere:
        _show_groups("found at no location that was asked", {_NOWHERE: report.nowhere}, screen)
    _show_unasked(report.agenda, screen, most=_NAMED)
    found = [f"{count} {outcome}" for outcome, count in report.counts.items()]
    found += [f"{len(report.unanswered)} not asked any more"] if report.unanswered else []
    drift = f"{len(report.drifted)} part from the catalog" if report.drifted else "no drift from the catalog"
    screen.line("\n", f"{counted(len(report.agenda.pairs), 'pair')} of model and location: {', '.join(found)}; {drift}")


def _reasons(rows: Iterable[Compared]) -> dict[str, list[str]]:
    """Pairs by what was found of them."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(f"{row.finding.outcome}: {row.finding.reason}", []).append(str(row.finding.pair))
    return groups


def _drift_grid(report: Report) -> Grid:
    """A row for each model and what was answered for it, with the locations."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for row in report.drifted:
        found = row.finding
        answer = f"HTTP {found.status}"
        places.setdefault((found.pair.model, row.drift or "", answer), []).append(found.pair.location)
    grid = Grid("model", "drift", "answer", "where")
    for key, names in places.items():
        grid.add(*key, ", ".join(names))
    return grid


def _show_unasked(agenda: Agenda, screen: Screen, most: int | None = None) -> None:
    """The models that were not asked; of more than `most` for one reason, only how many."""
    groups: dict[str, list[str]] = {}
    for model, reason in agenda.unasked():
        groups.setdefault(reason, []).append(model)
    short = {
        reason: models if most is None or len(models) <= most else [f"{len(models)} models (--dry-run names them)"]
        for reason, models in groups.items()
    }
    _show_groups("not asked", short, screen)


def _show_groups(title: str, groups: Mapping[str, Sequence[str]], screen: Screen) -> None:
    """Things by what is to be said of them: each reason once, with all it holds for."""
    if groups:
        screen.line("\n", (title, "bold"))
    for reason, members in groups.items():
        screen.text(", ".join(members), 2)
        screen.text(reason, 6, "dim")


def _above_0(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number
