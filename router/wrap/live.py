"""Live sessions of google-genai: opened only where the policy admits their model.

A Live session is a websocket: no HTTP transport sees it, and once open it can't be moved. google-genai hands
the options of its async side that it has no use for itself on to websockets, and there `create_connection`
is the documented way to say what a connection is made of. What is made here checks the host before a byte
leaves, and the first message, which names the model and its location, before that is sent.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from catalog.errors import UnknownModel
from catalog.schema import Location
from router.contents import UNREAD
from router.core import Call, Core
from router.errors import NoRoute, NotSent, RequestNotUnderstood
from router.features import features, named
from router.members import members, plain
from router.pins import names
from router.plan import Allowed, Plan
from router.rules import Question
from router.scope import Scopes
from router.signals import Action, Signal
from router.streams import Dialect
from router.target import Target
from router.trace import Attempt, Trace, Tried
from router.wire import UNREADABLE

_OPENED = Signal(kind="live-session", action=Action.DONE)
"""What is known of a session: that it was let through."""


class LiveDoor:
    """`create_connection=` for websockets."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes

    def __call__(self, protocol: Any, **options: Any) -> Any:
        """The connection for a session, not open yet.

        Raises:
            RequestNotUnderstood: the host is not that of a location which the policy admits.
        """
        core = self.scopes.core()
        place = _place(core, protocol.uri.host)
        return _guarded()(protocol, **options, check=functools.partial(check, core, place))

    def __deepcopy__(self, memo: object) -> LiveDoor:
        """Itself: SDKs copy their options deeply."""
        return self


class _Setup(msgspec.Struct):
    model: str


class _First(msgspec.Struct):
    setup: _Setup


def check(core: Core, place: Location, message: Any) -> None:
    """Passes the message that opens a session at a location, if the policy admits its model there.

    Raises:
        NoRoute: the policy does not.
        RequestNotUnderstood: the message does not say which model it is for, or the catalog does not know it.
    """
    try:
        name = msgspec.json.decode(message, type=_First).setup.model
    except (*UNREADABLE, msgspec.ValidationError, TypeError):
        raise _refused(core, "a Live session whose first message names no model") from None
    parts = name.split("/")
    if parts[2:3] != ["locations"] or parts[3] != place.id:
        raise _refused(core, f"a Live session at {place.id} for {name}, which is not there")
    question = _asked(message, Question(parts[-1], ("standard",), core.today(), caller=place.id))
    plan = _plan(core, question)
    allowed = next((each for each in plan.allowed if each.candidate.location == place.id), None)
    if allowed is None:
        raise core.refusal(NoRoute(plan), question)
    _tell(core, question, plan, allowed, parts[1])


def _tell(core: Core, question: Question, plan: Plan, allowed: Allowed, project: str) -> None:
    """Tells the observers of a session that is about to open: one attempt, of which no more will be heard.

    Raises:
        NotSent: one of them does not let it.
    """
    target = Target(
        project=project,
        location=question.caller,
        publisher="google",
        model=question.model,
        method="live",
        dialect=Dialect.GEMINI,
        mode="standard",
        before="",
        after="",
    )
    trace = Trace(model=plan.model, exceptions=plan.exceptions)
    call = Call(core=core, target=target, question=question, plan=plan, trace=trace, body=None).begin()
    attempt = Attempt(number=1, allowed=allowed, timeout_s=core.policy.deadline_s)
    try:
        call.passed(attempt, allowed.host)
        trace.tried.append(Tried(attempt=attempt, signal=_OPENED, at_s=0.0, took_s=0.0))
        trace.outcome = "answered"
    finally:
        for each in core.observers:
            each.ended(call)


def _asked(message: str | bytes, question: Question) -> Question:
    """The question with what the session asks for beyond its model, and what it names elsewhere."""
    text = plain(message.encode() if isinstance(message, str) else message)
    inside = members((members(text) or {}).get("setup", b""))
    asked = {UNREAD} if inside is None else features(named(inside), Dialect.GEMINI)
    found = names(text)
    places = {question.caller, *(pin.location for pin in found.pins)} if found.pins else set[str]()
    return question._replace(features=frozenset({"live", *asked}), pins=frozenset(places), read=found.read)


def _plan(core: Core, question: Question) -> Plan:
    try:
        return core.decisions.explain(question)
    except UnknownModel as error:
        if core.policy.residency is not None:
            raise _refused(core, str(error)) from None
        return core.decisions.planner.plan_for_stranger(question)


def _place(core: Core, host: str) -> Location:
    """The location of a host, if the policy could admit one there at all."""
    policy, catalog = core.policy, core.catalog
    place = next((each for each in catalog.locations.values() if each.endpoint == host), None)
    if place is None:
        raise _refused(core, f"a Live session at {host}, which is no host of a location")
    listed = policy.allow_locations is None or place.id in policy.allow_locations
    if not listed or place.id in policy.deny_locations or place.kind not in policy.kinds:
        raise _refused(core, f"a Live session at {place.id}, a location that is not allowed")
    if policy.residency is not None:
        within = frozenset[str]().union(*(catalog.countries(each) for each in policy.residency))
        if place.jurisdiction is None or not catalog.countries(place.jurisdiction) <= within:
            raise _refused(core, f"a Live session at {place.id}, which is outside")
    return place


def _refused(core: Core, reason: str) -> NotSent:
    return core.refusal(RequestNotUnderstood(reason, core.policy.summary))


@functools.cache
def _guarded() -> Any:
    from websockets.asyncio.client import ClientConnection  # noqa: PLC0415 - google-genai has brought it

    class GuardedConnection(ClientConnection):
        """A connection whose first message is checked before it is sent."""

        def __init__(self, *args: Any, check: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._check = check

        async def send(self, message: Any, *args: Any, **options: Any) -> None:
            if self._check is not None:
                self._check(message)
                self._check = None
            await super().send(message, *args, **options)

    return GuardedConnection
