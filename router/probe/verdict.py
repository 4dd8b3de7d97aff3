"""What answers tell of serving: served, not served, or nothing.

Only evidence makes a finding of yes or no. Yes is an answer of the model itself. No is an error in which
the service names this model and this location. A refusal of the project (403) says nothing of serving,
nor does exhausted capacity: a region without any quota answers 429 and not 404. Pages of HTML, faults
and silence say nothing at all.

Source: public reports of the error bodies; the claim that a 429 which never clears means a quota of zero
rests on reports of new projects, so that it is called probable, but for a body that states the zero.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec

from catalog.schema import Verdict
from router.probe.calls import Pair
from router.signals import Signal
from router.wire import UNREADABLE, parse_error

ZERO_AFTER_S = 180.0
"""A fixed quota, counted by the minute, that lets not one call through for so long is taken to be zero."""

AGAIN_S = 60.0
"""A minute: after it a call whose refusal may pass is made again."""

_SLACK_S = 1.0
"""Clocks and sleeps are not exact."""

_ZERO = re.compile(r'"quota_limit_value"\s*:\s*"0"')
_NO_ACCESS = frozenset({"unauthenticated", "forbidden", "perimeter", "model-forbidden", "org-policy-location"})
_PASSING = frozenset({"unavailable", "timeout", "reset"})
_NAMED = {
    "not-servable": "not servable in this region, in the service's own words",
    "model-not-found": "not found here, or not open to this project",
}


class Outcome(StrEnum):
    """What is known of a pair after it was asked."""

    SERVED = "served"
    NOT_SERVED = "not served"
    NO_ACCESS = "no access"
    NO_QUOTA = "no quota"
    UNKNOWN = "unknown"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one call: its signal, the body of the answer, and when it was asked, in seconds."""

    signal: Signal
    body: bytes = b""
    asked_s: float = 0.0

    @property
    def passing(self) -> bool:
        """Whether the same call may well be answered otherwise a minute later."""
        soon = (self.signal.retry_after_s or 0.0) <= AGAIN_S
        return (self.signal.throttled or self.signal.kind in _PASSING) and soon and not self.states_zero

    @property
    def states_zero(self) -> bool:
        """Whether it is a 429 that states a quota of zero."""
        return self.signal.status == 429 and _ZERO.search(self.text) is not None

    @property
    def text(self) -> str:
        """The message and the details of an error."""
        return parse_error(self.body).text

    @property
    def whole(self) -> bool:
        """Whether the body is an answer, a JSON object that is no error."""
        try:
            data = msgspec.json.decode(self.body)
        except UNREADABLE:
            return False
        return isinstance(data, dict) and "error" not in data


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a pair, and why.

    `signal` is the kind of the last answer's signal, `status` its HTTP status; `asked` how often it was asked.
    """

    pair: Pair
    outcome: Outcome
    reason: str
    signal: str
    status: int | None
    asked: int

    @property
    def served(self) -> Verdict:
        """The catalog's word for it."""
        return _VERDICTS.get(self.outcome, "unknown")


_VERDICTS: dict[Outcome, Verdict] = {Outcome.SERVED: "yes", Outcome.NOT_SERVED: "no"}


def finding(pair: Pair, answers: Sequence[Answer], names: Collection[str] = ()) -> Finding:
    """What the answers to one pair's calls, at least one, tell together. The last one decides.

    Args:
        names: the model's other names, by which an error may call it.
    """
    last = answers[-1]
    outcome, reason = _judged(answers, {pair.model, *names})
    return Finding(
        pair=pair,
        outcome=outcome,
        reason=reason,
        signal=last.signal.kind,
        status=last.signal.status,
        asked=len(answers),
    )


def _judged(answers: Sequence[Answer], names: Collection[str]) -> tuple[Outcome, str]:
    last = answers[-1]
    signal = last.signal
    said = f"{signal.label}: {signal.message}" if signal.message else signal.label
    if signal.kind == "ok":
        return (Outcome.SERVED, "answered") if last.whole else (Outcome.UNKNOWN, "an answer that is no JSON object")
    if signal.kind in _NAMED and signal.not_served and _names_model(last.text, names):
        return Outcome.NOT_SERVED, _NAMED[signal.kind]
    if signal.kind in _NO_ACCESS:
        return Outcome.NO_ACCESS, said
    if last.states_zero:
        return Outcome.NO_QUOTA, "its quota here is zero, in the service's own words"
    if _never_cleared(answers):
        return Outcome.NO_QUOTA, f"probably zero, or used up by others: {signal.quota} exceeded at every call"
    return Outcome.UNKNOWN, said


def _names_model(text: str, names: Collection[str]) -> bool:
    return any(re.search(rf"/models/{re.escape(name)}(?![\w.@-])", text) for name in names)


def _never_cleared(answers: Sequence[Answer]) -> bool:
    fixed = all(each.signal.kind == "quota" for each in answers)
    return fixed and answers[-1].asked_s - answers[0].asked_s >= ZERO_AFTER_S - _SLACK_S
