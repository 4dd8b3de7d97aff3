"""`vertex-router audit`: whether an audit holds what it should, and what is in it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from catalog import Catalog, load
from router.audit.digests import catalog_digest
from router.audit.reading import Finding
from router.audit.summary import Summary, summary
from router.audit.verify import Catalogs, Report, verify
from router.cli.options import add_json, add_overlay, add_policy, policy_of
from router.cli.output import Grid, Screen, counted, print_json
from router.probe.agenda import assumed

WRONG = 1
_SHOWN = 50


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command and those below it, of which `line` says what it does."""
    parser = commands.add_parser(
        "audit",
        help=line,
        description="Reads what `--audit FILE` or a policy's `audit` has written. FILE is the name that was given "
        "there; what was set aside as FILE.000001 and so on is read as well, as one.",
    )
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_verify(below)
    _add_summary(below)


def _add_verify(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = below.add_parser(
        "verify",
        help="replay every decision, hold every attempt against it, and check that no line was changed",
        description="Checks the chain of lines, makes every plan anew from the policy and the catalog that it names, "
        "and holds every attempt against its plan. With a policy, every decision is also to be one under that policy, "
        "or under a stricter one made of it for a scope. "
        "Exit code 0: nothing is wrong; 1: something is, and it is said what and where; 2: the input can't be read.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the audit")
    add_policy(parser)
    add_overlay(parser)
    parser.add_argument(
        "--catalog",
        action="append",
        default=[],
        metavar="DIRECTORY",
        help="the catalog of an earlier version of this package, for lines that it wrote; may be repeated",
    )
    parser.add_argument("--running", action="store_true", help="the process that writes it is still running")
    parser.add_argument(
        "--after",
        type=_hash,
        metavar="HASH",
        help="the hash of the line before the first, if files are gone",
    )
    parser.add_argument(
        "--head", type=_hash, metavar="HASH", help="the hash that the last line must have, noted elsewhere"
    )
    add_json(parser)
    parser.set_defaults(run=run_verify)


def _add_summary(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = below.add_parser(
        "summary",
        help="what went where, what was refused, by which exceptions",
        description="Counts what is in an audit, by model and location. It replays nothing: that is for `verify`.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the audit")
    add_json(parser)
    parser.set_defaults(run=run_summary)


def run_verify(given: argparse.Namespace) -> int:
    """Verifies and prints; 1 when something is wrong."""
    policy = None if given.policy is None and given.residency is None else policy_of(given)
    catalogs = _catalogs(
        [load(None if each is None else each, overlay=given.overlay) for each in (None, *given.catalog)]
    )
    report = verify(given.file, catalogs, policy, running=given.running, after=given.after or "", head=given.head or "")
    if given.json:
        print_json(report.as_dict())
    else:
        _show(report, Screen(), against="" if policy is None else policy.summary)
    return WRONG if report.problems else 0


def _catalogs(known: Sequence[Catalog]) -> Catalogs:
    """These catalogs by their digests, and what a probe makes of them on a day."""
    by_digest = {catalog_digest(each): each for each in known}

    def found(digest: str, on: date) -> Catalog | None:
        if digest not in by_digest:
            by_digest.update({catalog_digest(each): each for each in (assumed(base, on) for base in known)})
        return by_digest.get(digest)

    return found


def _show(report: Report, screen: Screen, against: str) -> None:
    for title, style, findings in (("wrong", "bold red", report.problems), ("worth knowing", "bold", report.notes)):
        if findings:
            screen.line((title, style))
            _show_findings(findings, screen)
            screen.line()
    count = f"{counted(report.lines, 'line')} in {counted(len(report.files), 'file')}"
    done = f"{counted(report.requests, 'request')}, {counted(report.attempts, 'attempt')}, {report.refused} refused"
    screen.line(f"{count}: {done}" + (f", {report.unrouted} sent on unread" if report.unrouted else ""))
    held = f"by the policy given ({against})" if against else "by the policies that it names itself"
    if report.problems:
        screen.line((f"{counted(len(report.problems), 'thing')} wrong", "bold red"))
    else:
        screen.line(("nothing is wrong", "bold green"), f": the chain is whole and every attempt allowed {held}")
    if report.head:
        screen.line(f"head {report.head}")


def _show_findings(findings: Sequence[Finding], screen: Screen) -> None:
    for each in findings[:_SHOWN]:
        screen.text(str(each), 2)
    if len(findings) > _SHOWN:
        screen.text(f"and {len(findings) - _SHOWN} more (--json names them all)", 2, "dim")


def run_summary(given: argparse.Namespace) -> int:
    """Counts and prints."""
    found = summary(given.file)
    if given.json:
        print_json(found.as_dict())
    else:
        _show_summary(found, Screen())
    if found.broken_chain:
        print(f"vertex-router: {given.file} was changed or is not whole: see `audit verify`", file=sys.stderr)
    return 0


def _show_summary(found: Summary, screen: Screen) -> None:
    screen.line((f"{counted(found.requests, 'request')}", "bold"), f" from {found.first} to {found.last}")
    ended = [f"{count} {how}" for how, count in found.ended.most_common() if count]
    screen.line(", ".join(ended) or "none was sent")
    if found.rows:
        screen.line("\n", ("attempts", "bold"))
        screen.grid(_grid(found), 2)
    _show_counts("refused", {f"{model}: {error}": n for (model, error), n in found.refused.items()}, screen)
    _show_counts("sent on unread", found.unrouted, screen)
    _show_counts("by exceptions of the policy", found.exceptions, screen)
    if found.lost or found.unrecorded:
        screen.line(
            "\n", (f"not written: {found.lost} lines; refused for that: {found.unrecorded} requests", "bold red")
        )


def _grid(found: Summary) -> Grid:
    grid = Grid("model", "location", "attempts", "answered", "rule", "others")
    for row in found.sorted_rows():
        others = [f"{count} {outcome}" for outcome, count in row.others.most_common()]
        others += [f"{traffic} {count}" for traffic, count in row.traffic.most_common()]
        grid.add(row.model, row.location, str(row.attempts), str(row.answered), row.rule, ", ".join(others))
    return grid


def _show_counts(title: str, counts: dict[str, int], screen: Screen) -> None:
    if counts:
        screen.line("\n", (title, "bold"))
    for what, count in sorted(counts.items()):
        screen.text(f"{count} {what}", 2)


def _hash(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"expected 64 hexadecimal digits, got {text!r}")
    return text
