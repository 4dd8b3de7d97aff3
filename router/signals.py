"""What came back from an attempt, classified: one table, first match wins.

A signal says what happened, what it speaks of (its scope: what to cool, close or learn about), and
what to do next. The order of the rules matters: wrong-host pages come before everything that looks
into a body, so that an HTML 404 can never teach that a model is not served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from router.redaction import redacted
from router.wire import ErrorBody, is_html, parse_error, retry_hint_s


class Action(StrEnum):
    """What the failover machine does next."""

    DONE = "done"
    """Hand the answer to the caller."""
    NEXT = "next"
    """Try another candidate, or this one again after a wait."""
    STOP = "stop"
    """It would be the same everywhere, or a repeat would do harm: hand it to the caller."""
    REFRESH = "refresh"
    """Renew the credential, once, and send again to the same location."""


class Scope(StrEnum):
    """What a signal speaks of; nothing beyond it is cooled, closed or learnt."""

    REQUEST = "request"
    CREDENTIAL = "credential"
    PROJECT = "project"
    HOST = "host"
    POOL = "pool"
    QUOTA = "quota"
    RESERVATION = "reservation"


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One classified outcome.

    `kind` is the rule that matched; `status` the HTTP status, or the one that an error event inside
    a stream stands for, None without a response. `retry_after_s` is the server's own hint.
    `not_served` says that the location itself told, by name, that it does not serve the model;
    `quota` names the exhausted metric and base model where the server does; `tokens` is what the
    answer used, where that is of interest.
    """

    kind: str
    action: Action
    scope: Scope = Scope.REQUEST
    status: int | None = None
    message: str = ""
    retry_after_s: float | None = None
    not_served: bool = False
    quota: str = ""
    in_stream: bool = False
    tokens: int | None = None

    @property
    def throttled(self) -> bool:
        """Capacity is exhausted, for now: pace or go elsewhere. Not a fault."""
        return self.kind in _THROTTLED

    @property
    def failed(self) -> bool:
        """A fault of the location: counts against it."""
        return self.kind in _FAILED

    @property
    def label(self) -> str:
        """The shortest honest word for it, as traces show it."""
        word = self.kind if self.status is None or self.kind in _BY_NAME else str(self.status)
        return f"{word}-in-stream" if self.in_stream else word


_THROTTLED = frozenset({"exhausted", "quota", "overloaded", "reservation-exceeded"})
_FAILED = frozenset({"unavailable", "timeout", "connect", "reset", "redirect", "html", "stream-cut"})
_BY_NAME = frozenset({"html", "redirect"})


class Reply(NamedTuple):
    """What a rule may look at: the status that counts, and the error body."""

    status: int
    error: ErrorBody


class Rule(NamedTuple):
    """A row of the table."""

    kind: str
    matches: Callable[[Reply], bool]
    action: Action
    scope: Scope


_NOT_SERVABLE = re.compile(r"is not servable in region `?(?P<location>[a-z0-9-]+)")
_MODEL_NOT_FOUND = re.compile(
    r"Publisher [Mm]odel (?:.*?/locations/(?P<location>[a-z0-9-]+)/)?.*"
    r" was not found or your project does not have access",
    re.DOTALL,
)
_FORBIDDEN_MODEL = re.compile(r"is not allowed to use Publisher Model|allowedModels|disallowed Gen AI model")
_SIGNATURE = re.compile(r"[Tt]hought signature|`?signature`? in `?thinking`?")
_QUOTA = re.compile(
    r"Quota exceeded for aiplatform\.googleapis\.com/(\S+?)(?: with base model: ([\w.@-]*\w))?(?:[.\s]|$)"
)
_DAILY = re.compile(r"logprobs|per[ _-]day", re.IGNORECASE)


def _status(*statuses: int) -> Callable[[Reply], bool]:
    return lambda reply: reply.status in statuses


def _text(status: int, pattern: str | re.Pattern[str]) -> Callable[[Reply], bool]:
    """Matches a status whose error, message and details together, contains the pattern."""
    wanted = re.compile(pattern)
    return lambda reply: reply.status == status and wanted.search(reply.error.text) is not None


# Source: Google's api-errors and error-code-429 pages, and public reports of the real wire. Comments
# mark what is a choice of ours.
RULES: tuple[Rule, ...] = (
    # A redirect is abnormal: not followed, the endpoint is left, nothing is learnt (our choice).
    Rule("redirect", lambda reply: 300 <= reply.status < 400, Action.NEXT, Scope.HOST),
    Rule("html", lambda reply: reply.error.html, Action.NEXT, Scope.HOST),
    # Our own rewriting would be wrong: say so loudly instead of trying elsewhere.
    Rule("host-mismatch", _text(400, "location ID doesn't match the endpoint"), Action.STOP, Scope.REQUEST),
    Rule("not-servable", _text(400, _NOT_SERVABLE), Action.NEXT, Scope.POOL),
    Rule("org-policy-location", _text(400, r"constraints/gcp\.resourceLocations"), Action.NEXT, Scope.POOL),
    Rule("model-forbidden", _text(400, _FORBIDDEN_MODEL), Action.STOP, Scope.PROJECT),
    Rule("caller-country", _text(400, "User location is not supported"), Action.STOP, Scope.REQUEST),
    # Never "repaired" by stripping the signature: that would change the answer.
    Rule("thought-signature", _text(400, _SIGNATURE), Action.STOP, Scope.REQUEST),
    # Ambiguous: retired, not at this location, or not open to the project.
    Rule("model-not-found", _text(404, _MODEL_NOT_FOUND), Action.NEXT, Scope.POOL),
    # A missing file, cache, endpoint or operation: the caller's own.
    Rule("not-found", _status(404), Action.STOP, Scope.REQUEST),
    Rule("unauthenticated", _status(401), Action.REFRESH, Scope.CREDENTIAL),
    # A service perimeter may admit another endpoint; to try is the operator's decision (our choice).
    Rule("perimeter", _text(403, "vpcServiceControlsUniqueIdentifier"), Action.STOP, Scope.PROJECT),
    Rule("forbidden", _status(403), Action.STOP, Scope.PROJECT),
    Rule("reservation-exceeded", _text(429, "Exceeded the Provisioned Throughput"), Action.NEXT, Scope.RESERVATION),
    Rule("daily-limit", _text(429, _DAILY), Action.STOP, Scope.PROJECT),
    Rule("quota", _text(429, _QUOTA), Action.NEXT, Scope.QUOTA),
    Rule("exhausted", _status(429), Action.NEXT, Scope.POOL),
    Rule("overloaded", _status(529), Action.NEXT, Scope.POOL),
    # The time ran out on the server; the work may have been done, and billed.
    Rule("timeout", _status(408, 504), Action.NEXT, Scope.POOL),
    Rule("not-implemented", _status(501), Action.STOP, Scope.REQUEST),
    Rule("unavailable", lambda reply: reply.status >= 500, Action.NEXT, Scope.POOL),
    Rule("cancelled", _status(499), Action.STOP, Scope.REQUEST),
    Rule("rejected", lambda reply: reply.status >= 400, Action.STOP, Scope.REQUEST),
)

# Error types of Anthropic's backend that say more than the HTTP status around them.
_TELLING = frozenset({429, 500, 504, 529})

OK = Signal(kind="ok", action=Action.DONE, status=200)


def classify(status: int, headers: Mapping[str, str], body: bytes, location: str) -> Signal:
    """The signal of a complete response.

    Args:
        headers: the response's headers, looked up in lower case.
        body: the error body; not looked at below status 300, but for an HTML page.
        location: where the request went; only an error that names it tells that it does not serve.
    """
    content_type = headers.get("content-type", "")
    if status < 300 and not is_html(content_type):
        return OK if status == 200 else msgspec.structs.replace(OK, status=status)
    error = parse_error(body, content_type)
    counts = error.status if error.anthropic and error.status in _TELLING else status
    if status == 403 and error.status == 429:  # an older form: 403 with the reason rateLimitExceeded
        counts = 429
    return msgspec.structs.replace(_decide(Reply(counts, error), location, headers), status=status)


def classify_event(error: ErrorBody, location: str) -> Signal:
    """The signal of an error event inside a stream that began with status 200."""
    signal = _decide(Reply(error.status or 500, error), location, {})
    action = Action.STOP if signal.action is Action.REFRESH else signal.action
    return msgspec.structs.replace(signal, action=action, in_stream=True)


def classify_exception(error: Exception) -> Signal | None:
    """The signal of an exception of an HTTP stack, known by its class names; None for any other.

    No stack is imported: httpx and httpx2 name their exceptions alike.
    """
    names = {each.__name__ for each in type(error).__mro__ if each.__module__.partition(".")[0] in _SENDERS}
    for kind, scope, wanted in _EXCEPTIONS:
        if names & wanted:
            message = _short(str(error) or type(error).__name__)
            return Signal(kind=kind, action=Action.NEXT, scope=scope, message=message)
    return None


def never_opened(error: BaseException) -> bool:
    """Whether the connection may not have come to be: it failed, or the request was cancelled."""
    if not isinstance(error, Exception):
        return True
    signal = classify_exception(error)
    return signal is not None and signal.kind == "connect"


_SENDERS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "builtins"})
_EXCEPTIONS: tuple[tuple[str, Scope, frozenset[str]], ...] = (
    ("connect", Scope.HOST, frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})),
    ("timeout", Scope.POOL, frozenset({"ReadTimeout", "WriteTimeout", "TimeoutError"})),
    ("busy", Scope.REQUEST, frozenset({"PoolTimeout"})),
    ("reset", Scope.HOST, frozenset({"ReadError", "WriteError", "CloseError", "RemoteProtocolError", "DecodingError"})),
)

STREAM_CUT = Signal(kind="stream-cut", action=Action.NEXT, scope=Scope.POOL, message="the stream ended early")
"""A stream that stopped without its terminator."""


def _decide(reply: Reply, location: str, headers: Mapping[str, str]) -> Signal:
    rule = next((rule for rule in RULES if rule.matches(reply)), RULES[-1])
    quota = _QUOTA.search(reply.error.text) if rule.kind == "quota" else None
    return Signal(
        kind=rule.kind,
        action=rule.action,
        scope=rule.scope,
        status=reply.status,
        message=_short(reply.error.message),
        retry_after_s=retry_hint_s(headers, reply.error),
        not_served=_named_location(rule.kind, reply.error.text) == location,
        quota=" ".join(part for part in quota.groups() if part) if quota else "",
    )


def _named_location(kind: str, text: str) -> str | None:
    """The location that an error says does not serve the model; None when it names none."""
    pattern = {"not-servable": _NOT_SERVABLE, "model-not-found": _MODEL_NOT_FOUND}.get(kind)
    found = pattern.search(text) if pattern else None
    return found["location"] if found else None


def _short(message: str, most: int = 300) -> str:
    line = redacted(" ".join(message.split())[: 8 * most])
    return line if len(line) <= most else line[: most - 1] + "…"
