"""Calls that a function makes with a client of its own: gRPC, or anything that no transport reaches.

The function is given a `Destination` for each attempt and makes the call there; what it raises is read as
a signal. Which destinations there are is decided as for every request, and the guard passes each one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from catalog.schema import Mode, Model
from router.core import Call, Core
from router.destination import Destination
from router.drive import adrive, drive
from router.errors import NotSent, PolicyError, exhausted
from router.faults import signal_of
from router.loops import time_limit
from router.modes import headers_of
from router.rules import Question
from router.signals import OK, Signal
from router.streams import Dialect
from router.target import Target
from router.trace import Attempt

R = TypeVar("R")

_NO_PROJECT = "-"
"""Stands for the project in the path that the guard is shown, when the caller keeps it to itself."""

_DIALECTS = {"google": Dialect.GEMINI, "anthropic": Dialect.ANTHROPIC}


def call_of(
    core: Core,
    model: str,
    project: str,
    location: str,
    mode: Mode = "standard",
    method: str = "",
    tokens: int | None = None,
    priority: int = 0,
    features: frozenset[str] = frozenset(),
) -> Call:
    """A call that has begun: its plan is made, and nothing is sent.

    Args:
        core: of the router that is asked; the others are as for `Router.call`.
        features: what it asks for beyond the model's own work.

    Raises:
        PolicyError: the policy needs to know the caller's own location.
        UnknownModel, UnknownLocation: with the nearest ids.
        NotSent: the policy refuses it.
    """
    if not location and core.policy.caller_location == "wall":
        raise PolicyError("the policy keeps requests at the client's own location; give the call its location=")
    if location:
        core.catalog.location(location)
    target = target_of(core.catalog.model(model), project, location, mode, method)
    modes = core.decisions.modes(target.model, mode)
    question = Question(target.model, modes, core.today(), method, tokens, location, features=features)
    return core.call(target, question, priority=priority).begin()


def target_of(model: Model, project: str, location: str, mode: Mode, method: str = "") -> Target:
    """The target of a call that a function makes, with the path that an HTTP client would take.

    Args:
        location: the caller's own; empty if it has none.
        method: empty for any.
    """
    verb = method or next((each for each in model.methods if "/" not in each), "predict")
    return Target(
        project=project or _NO_PROJECT,
        location=location,
        publisher=model.publisher,
        model=model.id,
        method=method,
        dialect=_DIALECTS.get(model.publisher, Dialect.OPENAI),
        mode=mode,
        before=f"/v1/projects/{project or _NO_PROJECT}/locations/",
        after=f"/publishers/{model.publisher}/models/{model.id}:{verb}",
    )


class FunctionCall(Generic[R]):
    """One logical request that a function makes, as often as it takes."""

    def __init__(self, call: Call, function: Callable[[Destination], Any]) -> None:
        self.call = call
        self._function = function
        self._result: R | None = None
        self._error: Exception | None = None

    def run(self) -> R:
        """Makes the attempts; gives what the function returned in the end, or raises as `result` does."""
        try:
            drive(self.call.steps(), self.attempt, self.call.core.sleep)
        finally:
            self.call.end()
        return self.result()

    async def arun(self) -> R:
        """`run` for a function that is awaited."""
        try:
            await adrive(self.call.steps(), self.aattempt, self.call.core.async_sleep)
        finally:
            self.call.end()
        return self.result()

    def attempt(self, attempt: Attempt) -> Signal:
        """Has the function make one attempt; gives what came of it."""
        destination = destination_of(self.call, attempt)
        try:
            self._result = self._function(destination)
        except NotSent:
            raise
        except Exception as error:
            return self._failed(error, attempt)
        self._error = None
        return OK

    async def aattempt(self, attempt: Attempt) -> Signal:
        """`attempt` for a function that is awaited; it is cancelled when its time is up."""
        destination = destination_of(self.call, attempt)
        try:
            async with time_limit(destination.timeout_s):
                awaited: Awaitable[R] = self._function(destination)
                self._result = await awaited
        except NotSent:
            raise
        except Exception as error:
            return self._failed(error, attempt)
        self._error = None
        return OK

    def result(self) -> R:
        """What the function returned, in the end.

        Raises:
            Exception: the last one of the function, with the trace as a note; `trace_of` finds it.
            Exhausted: no attempt was made or answered in time.
        """
        trace = self.call.trace
        if trace.outcome == "answered":
            return self._result  # type: ignore[return-value]  # answered: it is the function's own
        if self._error is None:
            raise exhausted(trace)
        self._error.trace = trace  # type: ignore[attr-defined]  # where `trace_of` looks
        if len(trace.tried) > 1:
            self._error.add_note(str(trace))
        raise self._error

    def _failed(self, error: Exception, attempt: Attempt) -> Signal:
        signal = signal_of(error, attempt.candidate.location)
        if signal is None:
            raise error
        self._error = error
        return signal


def destination_of(call: Call, attempt: Attempt) -> Destination:
    """Where an attempt of a call goes, passed by the guard.

    Raises:
        GuardStop: it would leave the policy.
    """
    target = call.target
    address, headers = call.address(attempt), headers_of(target.mode) | call.headers(attempt)
    call.check(
        attempt,
        method="POST",
        scheme="https",
        host=address.host,
        port=None,
        raw_path=address.raw_path,
        headers=headers,
        body=call.body,
    )
    return Destination(
        candidate=attempt.candidate,
        publisher=target.publisher,
        project="" if target.project == _NO_PROJECT else target.project,
        host=address.host,
        headers=headers,
        timeout_s=min(attempt.timeout_s, call.core.policy.attempt_limit_s),
        number=attempt.number,
        trace=call.trace,
    )
