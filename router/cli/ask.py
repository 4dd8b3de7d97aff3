"""`vertex-router ask`: one real call, streamed to the terminal, with the way it took."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from catalog.schema import Model
from router.cli.options import add_audit, add_overlay, add_policy, catalog_of, count, policy_of
from router.errors import Exhausted, NoRoute, RouterError, StreamBroken
from router.exchange import trace_of
from router.plan import Plan
from router.router import Router
from router.stack import installed
from router.streams import Dialect, EventStreamFramer, texts
from router.wire import parse_error

_PUBLISHERS = {"google": Dialect.GEMINI, "anthropic": Dialect.ANTHROPIC}
FAILED = 1


class AskError(RouterError):
    """The question can't be asked as given, or was not answered."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "ask",
        help=line,
        description="Makes one call to a Gemini or Claude text model with the credentials of the environment "
        "(Application Default Credentials), prints the answer as it comes, and then the way it took.",
    )
    parser.add_argument("text", metavar="TEXT", help="the question; - reads it from standard input")
    parser.add_argument("--project", default=os.environ.get("GOOGLE_CLOUD_PROJECT"), help="the Google Cloud project")
    parser.add_argument("--model", required=True, help="a model id, e.g. gemini-3.8-flash")
    add_policy(parser)
    add_overlay(parser)
    add_audit(parser)
    parser.add_argument("--max-tokens", type=count, default=1024, metavar="N", help="length of the answer (1024)")
    parser.add_argument("--emulate", action="store_true", help="ask the built-in emulator instead of Google")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Asks and prints; 1 when there is no answer."""
    router = Router(policy_of(given), catalog=catalog_of(given))
    with closing(router.audit) if router.audit else nullcontext():
        return _run(router, given)


def _run(router: Router, given: argparse.Namespace) -> int:
    plan = router.explain(given.model)
    if not plan.allowed:
        raise NoRoute(plan)
    text = sys.stdin.read() if given.text == "-" else given.text
    with _emulated() if given.emulate else nullcontext():
        project = given.project or ("emulated-project" if given.emulate else None)
        if not project:
            raise AskError("no project: give --project or set GOOGLE_CLOUD_PROJECT")
        return _ask(router, plan, project, text, given.max_tokens)


@contextmanager
def _emulated() -> Iterator[None]:
    """The emulator, and the environment by which clients and credentials reach it."""
    from router.emulator import Emulator  # noqa: PLC0415 - needs an extra

    with Emulator() as emulator, emulator.activated():
        yield


def _ask(router: Router, plan: Plan, project: str, text: str, max_tokens: int) -> int:
    model = router.catalog.model(plan.model)
    url, body = _request(model, plan, project, text, max_tokens)
    with installed().Client(transport=router.transport(), auth=router.google_auth(), timeout=None) as client:
        try:
            with client.stream("POST", url, json=body) as response:
                answered = _print_answer(response, _PUBLISHERS[model.publisher])
            print(trace_of(response), file=sys.stderr)
        except (Exhausted, StreamBroken) as error:
            print(f"\nvertex-router: {error}", file=sys.stderr)
            answered = False
    return 0 if answered else FAILED


def _request(model: Model, plan: Plan, project: str, text: str, max_tokens: int) -> tuple[str, dict[str, Any]]:
    """The address at the plan's first location, and the body in the publisher's own form."""
    if model.publisher not in _PUBLISHERS or model.task != "text":
        raise AskError(f"`ask` speaks to text models of Google and Anthropic; {model.id} is not one")
    first = plan.allowed[0]
    parent = f"https://{first.host}/v1/projects/{project}/locations/{first.candidate.location}"
    path = f"{parent}/publishers/{model.publisher}/models/{model.id}"
    if model.publisher == "google":
        contents = [{"role": "user", "parts": [{"text": text}]}]
        return f"{path}:streamGenerateContent?alt=sse", {
            "contents": contents,
            "generationConfig": {"maxOutputTokens": max_tokens},
        }
    return f"{path}:streamRawPredict", {
        "anthropic_version": "vertex-2023-10-16",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "stream": True,
    }


def _print_answer(response: Any, dialect: Dialect) -> bool:
    """Prints the answer as it comes; whether there was one."""
    if response.status_code != 200:
        error = parse_error(response.read(), response.headers.get("content-type", ""))
        print(f"vertex-router: {response.status_code} {error.message or response.reason_phrase}", file=sys.stderr)
        return False
    framer = EventStreamFramer()
    for chunk in response.iter_bytes():
        for event in framer.feed(chunk):
            for text in texts(event, dialect):
                print(text, end="", flush=True)
    print()
    return True
