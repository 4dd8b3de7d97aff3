"""The emulated service: what each request is answered, in the order in which the real one may refuse.

A host that isn't Vertex AI's, or a path that leads nowhere, shows Google's page for that. Then come
an outage, the token, whether host and path agree, the body, whether the model is served here, quota,
and scripted errors. What is left is answered.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalog import Catalog
from router.emulator import bodies, paths, speech
from router.emulator.behaviour import Failure, Spec
from router.emulator.bodies import ErrorBody
from router.emulator.methods import Asked, lists_errors, method_of
from router.emulator.paths import Call
from router.emulator.records import Log, Received, redacted
from router.emulator.script import Script
from router.emulator.serving import NotServed, Servings
from router.emulator.streams import Stream, applies
from router.emulator.tokens import Tokens
from router.emulator.wire import Break, Head, Request, Respond, Step, Wait, whole
from router.emulator.wording import Subject

Json = dict[str, Any]


class _Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, body: ErrorBody) -> None:
        self.body = body
        super().__init__(body.name)


class _Broken(Exception):
    """The request isn't answered."""

    def __init__(self, how: Break) -> None:
        self.how = how
        super().__init__(how.value)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request to Vertex AI as far as it is understood: where it came to, and what it asks for.

    `body` is None where it can't be read as a JSON object.
    """

    request: Request
    location: str
    call: Call
    body: Json | None

    @property
    def sse(self) -> bool:
        return self.request.query.get("alt") == "sse"


class Vertex:
    """Answers requests, and logs them.

    Args:
        elsewhere: who answers at other hosts of Google's.
        clock: seconds since the start, for the log.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        servings: Servings,
        script: Script,
        tokens: Tokens,
        elsewhere: Mapping[str, Respond],
        log: Log[Received],
        clock: Callable[[], float],
    ) -> None:
        self._locations = {location.host: location.id for location in catalog.locations.values()}
        self._servings = servings
        self._script = script
        self._tokens = tokens
        self._elsewhere = elsewhere
        self._log = log
        self._clock = clock
        self._numbers = itertools.count(1)

    def respond(self, request: Request) -> Iterable[Step]:
        """The steps that answer a request; it is in the log before they are taken."""
        if request.host in self._elsewhere:
            steps = list(self._elsewhere[request.host](request))
            self._note(request, None, "ok", steps)
            return steps
        turn = self._understood(request)
        outcome, steps = self._outcome(turn) if turn else _refusal(bodies.page_not_found(request.path), None)
        self._note(request, turn.call if turn else None, outcome, steps)
        return steps

    def _understood(self, request: Request) -> _Turn | None:
        """The request as a turn, or None when its host and path lead nowhere."""
        location = self._locations.get(request.host)
        call = paths.read(request.verb, request.path)
        if location is None or call is None:
            return None
        body = _object(request.body)
        if call.method in paths.BY_BODY and body is not None:
            publisher, slash, model = str(body.get("model", "")).partition("/")
            if call.method == "responses" and not slash:
                publisher, model = "openai", publisher
            call = replace(call, publisher=publisher, model=model)
        return _Turn(request, location, call, body)

    def _outcome(self, turn: _Turn) -> tuple[str, list[Step]]:
        """How the turn goes, in a word, and the steps."""
        latency = self._script.latency(turn.location, self._model(turn))
        delay: list[Step] = [Wait(latency.first_byte_s)] if latency.first_byte_s else []
        try:
            outcome, steps = self._answered(turn, latency.event_s)
        except _Refused as refused:
            outcome, steps = _refusal(refused.body, turn)
        except RecursionError:
            outcome, steps = _refusal(bodies.invalid_argument("The request is nested too deeply."), turn)
        except _Broken as broken:
            outcome, steps = broken.how.value, [broken.how]
        return outcome, delay + steps

    def _answered(self, turn: _Turn, event_s: float) -> tuple[str, list[Step]]:
        self._up(turn)
        self._admitted(turn)
        content = self._content(turn)
        if isinstance(content, Stream):
            return self._streamed(turn, content, event_s)
        body = json.dumps(content, indent=2).encode()
        return "ok", whole(200, "application/json; charset=UTF-8", body)

    def _up(self, turn: _Turn) -> None:
        match self._script.outage(turn.location, self._model(turn)):
            case "unavailable":
                raise _Refused(bodies.of_status(503, self._subject(turn)))
            case "refused":
                raise _Broken(Break.RESET)
            case "silent":
                raise _Broken(Break.HANG)

    def _admitted(self, turn: _Turn) -> None:
        """Whether the token is good, and the host the one for the path's location."""
        scheme, _, token = turn.request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            key = turn.request.header("x-goog-api-key") or turn.request.query.get("key")
            raise _Refused(bodies.named("api_key_refused" if key else "missing_token", self._subject(turn)))
        if not self._tokens.good(token.strip()):
            raise _Refused(bodies.named("invalid_token", self._subject(turn)))
        if turn.call.location != turn.location:
            raise _Refused(bodies.named("host_mismatch", self._subject(turn)))

    def _content(self, turn: _Turn) -> Json | Stream:
        """What the model answers."""
        if turn.body is None:
            raise _Refused(bodies.invalid_argument("Invalid JSON payload received. Expected one JSON object."))
        method = method_of(turn.call)
        if fault := method.fault(turn.body):
            raise _Refused(method.refuse(fault))
        traffic = self._traffic(turn)
        self._scripted(turn)
        return method.answer(self._asked(turn, turn.body, traffic))

    def _traffic(self, turn: _Turn) -> str:
        try:
            traffic = self._servings.traffic(turn.call, turn.request.header)
        except NotServed as error:
            raise _Refused(bodies.named(error.body, self._subject(turn))) from None
        if not self._servings.takes(turn.call):
            message = f"{turn.call.model} is not supported in the {turn.call.method} API."
            raise _Refused(bodies.invalid_argument(message))
        return traffic

    def _scripted(self, turn: _Turn) -> None:
        """Uses up a token of the quota and an entry of the scripted errors."""
        spec = self._script.failure(turn.location, self._model(turn))
        if spec in ("reset", "hang"):
            raise _Broken(Break(spec))
        if spec != "ok":
            raise _Refused(error_body(spec, self._subject(turn)))

    def _asked(self, turn: _Turn, body: Json, traffic: str) -> Asked:
        return Asked(
            call=turn.call,
            body=body,
            sse=turn.sse,
            image=self._servings.task(turn.call.model) == "image",
            traffic_type=traffic,
            template=self._script.answer(turn.location, self._model(turn)) or speech.DEFAULT,
            number=next(self._numbers),
            created=int(time.time()),
        )

    def _streamed(self, turn: _Turn, stream: Stream, event_s: float) -> tuple[str, list[Step]]:
        fault = self._script.stream(turn.location, self._model(turn))
        if fault is None or not applies(fault, len(stream.events)):
            return "ok", list(stream.steps(event_s, None, None))
        error = error_body(fault.error, self._subject(turn))
        return "stream fault", list(stream.steps(event_s, fault, error))

    def _model(self, turn: _Turn) -> str:
        return self._servings.resolve(turn.call.model)

    def _subject(self, turn: _Turn) -> Subject:
        return self._servings.subject(turn.call)

    def _note(self, request: Request, call: Call | None, outcome: str, steps: Iterable[Step]) -> None:
        known = call or Call(version="", project="", location="", publisher="", model="", method="")
        self._log.add(
            Received(
                at_s=self._clock(),
                verb=request.verb,
                host=request.host,
                path=request.path,
                project=known.project,
                location=known.location,
                publisher=known.publisher,
                model=known.model,
                method=known.method,
                outcome=outcome,
                status=next((step.status for step in steps if isinstance(step, Head)), None),
                headers=redacted(request.headers),
                body=request.body,
            )
        )


def error_body(spec: Spec, about: Subject) -> ErrorBody:
    """The error body that a script's entry means."""
    if isinstance(spec, int):
        return bodies.of_status(spec, about)
    if isinstance(spec, str):
        return bodies.named(spec, about)
    return _detailed(spec, about)


def _detailed(failure: Failure, about: Subject) -> ErrorBody:
    if failure.body is not None:
        body = bodies.named(failure.body, about, failure.retry_delay_s)
    else:
        body = bodies.of_status(failure.status or 500, about, failure.retry_delay_s)
    return replace(
        body,
        status=failure.status or body.status,
        content=body.content if failure.text is None else failure.text,
        headers=(*body.headers, *failure.headers.items()),
    )


def _refusal(body: ErrorBody, turn: _Turn | None) -> tuple[str, list[Step]]:
    kind, content = body.encoded(listed=turn is not None and lists_errors(turn.call, sse=turn.sse))
    return body.name, whole(body.status, kind, content, body.headers)


def _object(body: bytes) -> Json | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
