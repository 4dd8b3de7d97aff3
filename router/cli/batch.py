"""`vertex-router batch`: a file of requests, answered, with progress and a summary."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import anyio

from router.batch.job import INTERRUPTED as BY_HAND
from router.batch.job import Batch
from router.batch.record import rows_per_second
from router.batch.settings import BatchError
from router.batch.summary import Summary
from router.batch.tasks import together
from router.cli.batch_view import progress, show_end, show_plan
from router.cli.options import add_audit, add_json, add_overlay, add_policy, catalog_of, count, policy_of, today
from router.cli.output import Screen, print_json, unless_unread
from router.router import Router
from router.trace import Trace

FAILED, STOPPED, INTERRUPTED = 1, 4, 130
_EMULATED = "emulated-project"

_EPILOG = """\
input, told by its lines: {"request": {...}} (Vertex AI, Gemini), {"custom_id", "request"} (Vertex AI, Claude),
{"content": ...} (Vertex AI, text embeddings), {"custom_id", "method", "url", "body"} (OpenAI),
{"custom_id", "params"} (Anthropic), {"prompt": ...}; or a table (.csv, .tsv, .parquet) with a column of prompts.
The output is written in the same manner, each line with its location, attempts and cost under "router".

The output is its own journal: after any end, the same command goes on where it was.

exit codes: 0 every row was answered, 1 every row has ended, some without an answer, 2 the input, an option,
the output or the credentials are wrong, 3 the policy allows nothing for the model, 4 stopped by a limit,
130 interrupted
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "batch",
        help=line,
        description="Has every row of a file answered, spread over the locations that the policy allows.\n"
        "Every row ends in exactly one result or one recorded error.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="IN", help="the file of requests")
    parser.add_argument("-o", "--output", metavar="OUT", help="where results are written (not needed with --plan)")
    parser.add_argument("--project", default=os.environ.get("GOOGLE_CLOUD_PROJECT"), help="the Google Cloud project")
    parser.add_argument("--model", default="", help="the model of rows that name none, e.g. gemini-3.8-flash")
    add_policy(parser)
    add_overlay(parser)
    add_audit(parser)
    parser.add_argument("--concurrency", type=count, default=32, metavar="N", help="most requests under way (32)")
    parser.add_argument(
        "--row-deadline", type=seconds, default=3600.0, metavar="TIME", help="a row's time, such as 90, 15m or 8h (1h)"
    )
    parser.add_argument("--deadline", type=seconds, metavar="TIME", help="the time after which no row is begun")
    parser.add_argument("--max-cost", type=usd, metavar="USD", help="stops when so much is spent, by list price")
    parser.add_argument(
        "--max-error-rate", type=share, metavar="P", help="a share such as 0.1; stops when more rows fail"
    )
    parser.add_argument("--retry-failed", action="store_true", help="ask rows again that have failed before")
    parser.add_argument("--ordered", action="store_true", help="write in the order of the input")
    parser.add_argument("--dedupe", action="store_true", help="ask equal requests once")
    parser.add_argument("--column", default="prompt", help="of a table, the column of prompts (prompt)")
    parser.add_argument(
        "--max-tokens",
        type=count,
        default=1024,
        metavar="N",
        help="most tokens of an answer to a prompt, for models that must be told (1024)",
    )
    parser.add_argument(
        "--plan", action="store_true", help="tell time and cost of this and of a batch job; send nothing"
    )
    parser.add_argument("--expected-output", type=count, metavar="N", help="for --plan: tokens of an answer")
    parser.add_argument("--emulate", nargs="?", const="", metavar="SCENARIO", help="ask the built-in emulator")
    add_json(parser)
    parser.set_defaults(run=run)


def seconds(text: str) -> float:
    """A number of seconds above 0, or with a unit: 90, 90s, 15m, 8h."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        found = float(number) * unit
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a time such as 90, 15m or 8h, got {text!r}")
    return found


def usd(text: str) -> Decimal:
    """An amount of money."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise argparse.ArgumentTypeError(f"expected an amount such as 12.50, got {text!r}")
    return found


def share(text: str) -> float:
    """A number between 0 and 1."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text!r}")
    return found


def run(given: argparse.Namespace) -> int:
    """Runs the batch, or tells what it would take."""
    router = Router(policy_of(given), catalog=catalog_of(given), observe=_untold)
    settings: dict[str, Any] = {
        "project": given.project or "",
        "model": given.model,
        "concurrency": given.concurrency,
        "row_deadline_s": given.row_deadline,
        "deadline_s": given.deadline,
        "max_cost_usd": given.max_cost,
        "max_error_rate": given.max_error_rate,
        "retry_failed": given.retry_failed,
        "ordered": given.ordered,
        "dedupe": given.dedupe,
        "column": given.column,
        "max_tokens": given.max_tokens,
    }
    if given.plan:
        return _plan(router, given, settings)
    if not given.output:
        raise BatchError("no output: give -o OUT; it is also where the next run goes on")
    if "-" in (given.input, given.output):
        raise BatchError("-: input and output are files, which are read more than once; a pipe can't be")
    with nullcontext() if given.emulate is None else _emulated(given.emulate):
        settings["project"] = given.project or ("" if given.emulate is None else _EMULATED)
        if not settings["project"]:
            raise BatchError("no project: give --project or set GOOGLE_CLOUD_PROJECT")
        audit = router.audit
        with progress() as shown, closing(audit) if audit else nullcontext():
            summary = _run(router.batch(given.input, given.output, progress=shown, **settings))
    with unless_unread():
        if given.json:
            print_json(summary.as_dict())
        else:
            show_end(summary, given.output, given.max_cost, Screen())
    if summary.stopped:
        return INTERRUPTED if summary.stopped == BY_HAND else STOPPED
    return FAILED if summary.failed else 0


def _untold(_: Trace) -> None:
    """What became of a row stands in the output; a log of it would be as long."""


def _plan(router: Router, given: argparse.Namespace, settings: dict[str, Any]) -> int:
    rate = None
    if given.output:
        try:
            with Path(given.output).open("rb") as lines:
                rate = rows_per_second(lines)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise BatchError(f"{given.output}: can't be read: {error.strerror}") from error
    found = router.batch(given.input, **settings).forecast(expected_output=given.expected_output, rate=rate)
    if given.json:
        print_json(found.as_dict())
    else:
        show_plan(found, Screen())
    return 0


@contextmanager
def _emulated(scenario: str) -> Iterator[None]:
    from router.emulator import Emulator  # noqa: PLC0415 - needs an extra

    with Emulator(scenario or None, on=today()) as emulator, emulator.activated():
        yield


def _run(batch: Batch) -> Summary:
    """Runs it; a request to terminate ends it as Ctrl-C does, also in the background, where that is ignored."""
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        return batch.run()

    async def terminable() -> None:
        async with together() as group:
            group.start_soon(_heed, group.cancel_scope)
            await batch.arun()
            group.cancel_scope.cancel()

    try:
        anyio.run(terminable)
    except KeyboardInterrupt:
        batch.summary.stopped = BY_HAND
    return batch.summary


async def _heed(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as asked:
        async for _ in asked:
            scope.cancel()
