"""Errors of the router.

RouterError
├── PolicyError               a policy is wrong or contradicts itself; names the fields and their lines
├── NotSent                   the request was refused; not a byte of it left
│   ├── NoRoute               no location may serve it under the policy; carries the plan
│   │   └── PinnedLocation    something in it binds it to a location that the policy refuses
│   ├── RequestNotUnderstood  where it would be processed can't be told
│   ├── WrongHeader           a header for the router is unknown, or its value is wrong
│   ├── GuardStop             the last check found its address outside the policy
│   └── AuditFailed           it can't be put on record, and the policy wants every request to be
├── Exhausted                 the attempts or the time ran out; carries the trace
│   └── NoCapacity            its turn would not come before its deadline; says when it would
└── StreamBroken              a stream failed after its first content; keeps what was received
"""

from __future__ import annotations

from collections.abc import Sequence

from router.pins import Pin
from router.plan import Plan
from router.streams import ArrayFramer, Dialect, EventStreamFramer, text_in
from router.trace import Trace


class RouterError(Exception):
    """Base of all errors of this package."""


class PolicyError(RouterError, ValueError):
    """A policy is wrong or contradicts itself.

    `fields` are the fields that are wrong or clash, the first one foremost.
    """

    def __init__(self, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message, tuple(fields))
        self.message = message
        self.fields = tuple(fields)

    def __str__(self) -> str:
        return self.message


class NotSent(RouterError):
    """The request was refused; not a byte of it left this process."""


class NoRoute(NotSent):
    """No location may serve this request under the policy. `plan` says for each location why not."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.plan = plan

    def __str__(self) -> str:
        return f"no location may serve this request; nothing was sent\n{self.plan}"


class PinnedLocation(NoRoute):
    """The request is bound to a location where it may not go, or to several at once.

    `resource` is what binds it, `location` where to; `pins` is all that does.
    """

    def __init__(self, plan: Plan, pins: Sequence[Pin]) -> None:
        super().__init__(plan)
        self.args = (plan, tuple(pins))
        self.pins = tuple(pins)

    @property
    def resource(self) -> str:
        return self.pins[0].resource

    @property
    def location(self) -> str:
        return self.pins[0].location

    def __str__(self) -> str:
        return f"the request is bound to its location by {' and '.join(map(str, self.pins))}; {super().__str__()}"


class WrongHeader(NotSent):
    """A header that is meant for the router is unknown, or its value is wrong. Says what was expected."""

    def __init__(self, header: str, reason: str) -> None:
        super().__init__(header, reason)
        self.header = header
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.header}: {self.reason}; nothing was sent"


class RequestNotUnderstood(NotSent):
    """It can't be told where this request would be processed, so a residency policy refuses it."""

    def __init__(self, reason: str, policy: str) -> None:
        super().__init__(reason, policy)
        self.reason = reason
        self.policy = policy

    def __str__(self) -> str:
        return f"refused under the policy ({self.policy}), nothing was sent: {self.reason}"


class GuardStop(NotSent):
    """The last check before sending found that the request would leave the policy.

    It never happens when planner and guard agree: please report it.
    """


class AuditFailed(NotSent):
    """The request can't be put on record (a full disk, a file in use), and the policy refuses what is not."""


class Exhausted(RouterError):
    """The attempts or the time ran out without an answer. `trace` tells every attempt."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.trace = trace

    def __str__(self) -> str:
        return f"no answer: {self.trace.outcome}\n{self.trace}"


class NoCapacity(Exhausted):
    """The request's turn would not have come before its deadline, so it was refused at once.

    `eta_s` is in how many seconds it would have come, as things stood.
    """

    @property
    def eta_s(self) -> float:
        """Seconds until there would have been capacity for it."""
        return self.trace.eta_s or 0.0

    def __str__(self) -> str:
        return f"no capacity for another {self.eta_s:.1f} s, and the deadline is before that\n{self.trace}"


def exhausted(trace: Trace) -> Exhausted:
    """The error for a request without an answer."""
    return Exhausted(trace) if trace.eta_s is None else NoCapacity(trace)


class StreamBroken(RouterError):
    """A stream failed after its first content had reached the caller, so no other location took over.

    `received` is what came, in whole events, as bytes; `text` the text in it. Nothing is repeated
    behind the caller's back: start again, or go on from `text`, as the application can bear.
    """

    def __init__(self, trace: Trace, received: bytes, dialect: Dialect) -> None:
        super().__init__(trace)
        self.args = (trace, received, dialect)  # a stack's error, when this is one too, takes one argument
        self.trace = trace
        self.received = received
        self.dialect = dialect

    @property
    def text(self) -> str:
        """The text of the answer in what was received."""
        framer = ArrayFramer() if self.received.lstrip()[:1] == b"[" else EventStreamFramer()
        return text_in(self.received, framer, self.dialect)

    def __str__(self) -> str:
        reason = self.trace.last.message if self.trace.last else ""
        return f"the stream from {self.trace.location} broke after {len(self.received)} bytes: {reason}"
