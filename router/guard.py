"""The last check: one small function, just before bytes leave, that trusts nothing decided before.

It reads host and location from the address as it will go over the wire, and asks the claims of the
catalog itself. It shares no code with the rules that chose the location, so that a mistake there is
stopped here. It says yes or raises; it never repairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import msgspec

from catalog.query import Catalog
from catalog.schema import CONFIDENCES, KINDS, Availability, Claim, Location, Model, Processing
from router.errors import GuardStop
from router.policy import Policy

_PATH = re.compile(
    r"/v1(?:beta1)?/projects/[A-Za-z0-9.:_-]+/locations/([a-z0-9-]+)/"
    r"(?:publishers/[a-z0-9-]+/models/((?:[A-Za-z0-9._@-]|%40)+):([A-Za-z]+)"
    r"|endpoints/openapi/(?:chat/completions|responses|embeddings)|publishers/openai/v1/responses)(?:\?[^#]*)?"
)
# Of a resource; a segment of dots, or with escapes, is none.
_RESOURCE = re.compile(
    r"/v1(?:beta1)?/projects/[A-Za-z0-9.:_-]+/locations/([a-z0-9-]+)"
    r"((?:/(?!\.)(?:[A-Za-z0-9._@~-]|%40)+)+)(?::([A-Za-z]+))?(?:\?[^#]*)?"
)
_OWN_HOST = re.compile(r"[a-z0-9_-]+\.([a-z]+-[a-z]+[0-9]+)-[a-z0-9]+\.prediction\.vertexai\.goog")
_AT_REST = re.compile(r"cancel|wait|fetchPredictOperation|(?:fetch|set)PublisherModelConfig")
_MADE_FOR_A_MODEL = ("/cachedContents", "/batchPredictionJobs")
# Tools that ask the open web, by their keys or types, with the exceptions that would admit each.
_OPEN_WEB = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(ids.split()))
    for pattern, ids in (
        (r"google_?search(?:_?retrieval)?", "google-search"),
        (r"google_?maps", "google-maps"),
        (r"enterprise_?web_?search", "enterprise-web-search"),
        (r"url_?context", "url-context"),
        (r"web_search(?:_.*)?", "claude-web-search another-tool"),
        (r".*ai_?search", "exa-search external-search another-tool"),
    )
)
_NAMED = re.compile(rb'"projects/[^/"\\\s]+/locations/([^/"\\\s]+)/([a-zA-Z]+)[^"\\\s]*"\s*[,:}\]]')
_ROUTED = re.compile(r"locations(?:/|%2[Ff])([^/%&]*)")
_ROUTERS = "x-vertex-router"  # how headers begin that are meant for the router
_RESERVED = ("provisioned", "single_zone_provisioned")  # between which the header for both does not tell
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_REMEMBERED = 1024
_LONG = 4096


class Guard:
    """Checks addresses against one policy over one catalog. Remembers its answers; safe to share."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._countries: set[str] = set()
        for name in policy.residency or ():
            self._countries |= catalog.countries(name)
        self._ids = {name: each.id for each in catalog.models.values() for name in (each.id, *each.aliases)}
        self._known: dict[tuple[object, ...], str] = {}
        self._places: dict[tuple[str, str, str, int | None, str, str], Location] = {}

    def check(
        self,
        *,
        scheme: str,
        host: str,
        port: int | None,
        raw_path: str,
        headers: Mapping[str, str],
        model: str,
        on: date,
        tokens: int | None = None,
        method: str = "POST",
        body: bytes | None = b"",
        stated: int | None = None,
        features: frozenset[str] = frozenset(),
    ) -> None:
        """Passes a request that the policy admits, as it will be sent.

        Args:
            model: the catalog's id of the model that the request asks for; empty when it is about a
                resource and names none.
            headers: those that will be sent, looked up in lower case.
            body: None when it can be sent only once, and so not be looked at.
            tokens: the size for which guarantees were asked; `stated` is that of the request, if its
                caller has stated it.
            features: what was read in the request.

        Raises:
            GuardStop: with what is wrong. Nothing must be sent.
        """
        address = (method, scheme, host, port, raw_path, model)
        location = self._places.get(address) or self._place(*address)
        if _ROUTERS in " ".join(headers) and [name for name in headers if name.startswith(_ROUTERS)]:
            raise GuardStop("a header that is meant for the router would leave; nothing was sent")
        said = headers.get("x-goog-request-params")
        if said is not None and any(name != location.id for name in _ROUTED.findall(said)):
            raise GuardStop(f"a header asks for another location than {location.id}; nothing was sent")
        mode = _mode(headers)
        key = (model, location.id, mode, on, tokens, features)
        wrong = self._known.get(key)
        if wrong is None:
            known = self._catalog.models.get(model)
            wrong = self._known[key] = self._wrong(known, location, mode, on, tokens, features, kept=not model)
        if wrong := wrong or self._wrong_body(body, location, on, tokens, stated):
            raise GuardStop(f"{location.id} is outside the policy: {wrong}; nothing was sent")

    def _place(self, method: str, scheme: str, host: str, port: int | None, raw_path: str, model: str) -> Location:
        """The location to which an address leads, if all of it agrees; remembered, for it depends on nothing else."""
        found = _address(method, raw_path, model)
        if scheme != "https" or port not in (None, 443) or found is None:
            raise GuardStop(f"{scheme}://{host} with this path is not an address of a model; nothing was sent")
        location = self._catalog.locations.get(found[1])
        if location is None or host not in _hosts(location, host):
            raise GuardStop(f"host {host} and location {found[1]!r} do not belong together; nothing was sent")
        named = (found[2] or model).replace("%40", "@")
        if found.re is _PATH and model and self._ids.get(named, named) != model:
            raise GuardStop(f"the path names another model than {model}; nothing was sent")
        if raw_path.partition("?")[2] in ("", "alt=sse"):  # another query may hold what is not to be kept
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            self._places[method, scheme, host, port, raw_path, model] = location
        return location

    def check_unrouted(self, host: str) -> None:
        """Passes a request that could not be read, which no policy does that rules out any location.

        Raises:
            GuardStop: the policy does.
        """
        policy = self._policy
        free = policy.residency is None and policy.allow_locations is None and not policy.deny_locations
        if not free or len(policy.kinds) < len(KINDS) or self._catalog.own.denied:
            raise GuardStop(f"a request to {host} that was not understood; nothing was sent")

    def _wrong(  # noqa: PLR0911 - one return for each thing that can be wrong reads best here
        self,
        model: Model | None,
        location: Location,
        mode: str,
        on: date,
        tokens: int | None,
        features: Iterable[str],
        *,
        kept: bool,
    ) -> str:
        """What is wrong with this combination; empty if nothing is."""
        policy = self._policy
        if location.id in policy.deny_locations or location.kind not in policy.kinds:
            return "the location is not allowed"
        if policy.allow_locations is not None and location.id not in policy.allow_locations:
            return "the location is not allowed"
        for denied in self._catalog.own.denied:
            if location.id in denied.locations and (model is None or not denied.models or model.id in denied.models):
                return "the overlay denies the location"
        if policy.residency is None:
            return ""
        if model is None and not kept:
            return "the model is not in the catalog"
        if location.jurisdiction is None:
            return "it stands in no jurisdiction"
        for name in features:
            if name not in policy.allow_features and not self._bearable(name, on):
                return f"nothing guarantees that {name} stays inside"
        inside = self._catalog.countries(location.jurisdiction) <= self._countries
        if model is None:
            return "" if inside else "it stands outside the residency"
        asked = _RESERVED if mode == "provisioned" else (mode,)
        if mode != "standard" and not any(self._bought_here(model.availability, location, each, on) for each in asked):
            return f"{mode} is not known to be served here"
        if policy.assurance == "location":
            return "" if inside else "it stands outside the residency"
        return "" if self._stays(model.processing, location, on, tokens) else "no claim that processing stays inside"

    def _bearable(self, feature: str, on: date) -> bool:
        """Whether every claim about a feature says that it stays inside; by location, whether none denies it."""
        known = self._catalog.features.get(feature)
        said = [claim.stays for claim in known.localised if self._counts(claim, on)] if known else []
        if self._policy.assurance == "location":
            return "no" not in said
        return bool(said) and all(stays == "yes" for stays in said)

    def _wrong_body(
        self, body: bytes | None, location: Location, on: date, tokens: int | None, stated: int | None
    ) -> str:
        """What is wrong with a body under a residency; empty if nothing is.

        It looks for the plain forms only, in its own way; odd ones don't come so far.
        """
        policy = self._policy
        if tokens is not None and (len(body or b"") if stated is None else stated) > tokens:
            return f"the request may be larger than {tokens:,} tokens"
        if policy.residency is None or not body:
            return "the body can't be read" if self._unread(body) else ""
        body = _outline(body)
        if wrong := self._wrong_names(body, location):
            return wrong
        try:
            tools = _TOOLS.decode(body).tools
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "" if "unread-body" in policy.allow_features else "the body can't be read"
        return self._wrong_tools(tools, on)

    def _wrong_names(self, body: bytes, location: Location) -> str:
        """Resources of another location, and data that other services read outside the residency."""
        # Looked for from its end, in a quarter of the time.
        for name, kind in _NAMED.findall(body) if body.rfind(b"/locations/") >= 0 else ():
            place = self._catalog.locations.get(name.decode(errors="replace"))
            if kind in (b"collections", b"dataStores"):
                stands = place.jurisdiction if place else None
                if stands is None or not self._catalog.countries(stands) <= self._countries:
                    return "it has data read outside the residency"
            elif kind != b"publishers" and place is not location:
                return "the body names a resource of another location"
        return ""

    def _unread(self, body: bytes | None) -> bool:
        policy = self._policy
        return body is None and policy.residency is not None and "unread-body" not in policy.allow_features

    def _wrong_tools(self, tools: object, on: date) -> str:
        """Searches of the open web that the policy has no exception for."""
        for tool in tools if isinstance(tools, list) else ():
            given = {key for key, value in tool.items() if value is not None} if isinstance(tool, dict) else set()
            for name in (*given, str(tool["type"]) if "type" in given else ""):
                for pattern, ids in _OPEN_WEB:
                    admitted = ids & set(self._policy.allow_features) or any(self._bearable(each, on) for each in ids)
                    if pattern.fullmatch(name) and not admitted:
                        return f"nothing guarantees that {name} stays inside"
        return ""

    def _stays(self, claims: tuple[Processing, ...], location: Location, on: date, tokens: int | None) -> bool:
        """Every claim that speaks of this request promises a boundary, each inside the next, the first inside ours."""
        boundaries = [
            claim.boundary
            for claim in claims
            if location.id in claim.locations and self._counts(claim, on) and _fits(claim, tokens)
        ]
        if not boundaries or "none" in boundaries or "unknown" in boundaries:
            return False
        nested = sorted((self._catalog.countries(boundary) for boundary in boundaries), key=len)
        return nested[0] <= self._countries and all(inner <= outer for inner, outer in pairwise(nested))

    def _bought_here(self, claims: tuple[Availability, ...], location: Location, mode: str, on: date) -> bool:
        said = [
            claim.served
            for claim in claims
            if location.id in claim.locations and mode in claim.modes and self._counts(claim, on)
        ]
        return bool(said) and all(served == "yes" for served in said)

    def _counts(self, claim: Claim, on: date) -> bool:
        policy = self._policy
        good = CONFIDENCES.index(claim.confidence) >= CONFIDENCES.index(policy.min_confidence)
        if policy.max_evidence_age_days is not None:
            source = self._catalog.sources.get(claim.source)
            oldest = on - timedelta(days=policy.max_evidence_age_days)
            good = good and source is not None and source.published >= oldest
        return good and claim.since <= on and (claim.until is None or on < claim.until)


def _address(method: str, raw_path: str, model: str) -> re.Match[str] | None:
    """The address of a model, or of a resource, when it is the one that the planner took it for."""
    found = _PATH.fullmatch(raw_path) if method == "POST" else None
    if found is not None:
        return found if model or _AT_REST.fullmatch(found[3] or "") else None
    found = _RESOURCE.fullmatch(raw_path)
    return found if found is not None and (not model or found[2] in _MADE_FOR_A_MODEL) else None


class _Tools(msgspec.Struct):
    tools: Any = None


_TOOLS = msgspec.json.Decoder(_Tools)


def _outline(body: bytes) -> bytes:
    """A body without the insides of its long strings, among which is neither a tool nor the name of a resource.

    A string ends at the first quote before which no backslash stands, or an even number. Where quotes stand so close
    that looking at each would take longer than reading, the rest is left as it is.
    """
    if len(body) <= _LONG:
        return body
    kept, begin, opening, quotes, at = [], 0, -1, 0, body.find(b'"')
    while at >= 0 and quotes < 256 + at // 200:
        quotes += 1
        if opening < 0:
            opening = at
        elif _ends_string(body, at):
            if at - opening > _LONG and not body.startswith(b"projects/", opening + 1):
                kept.append(body[begin : opening + 1])
                begin = at
            opening = -1
        at = body.find(b'"', at + 1)
    return b"".join([*kept, body[begin:]])


def _ends_string(body: bytes, at: int) -> bool:
    backslashes = 0
    while body[at - backslashes - 1] == ord("\\"):
        backslashes += 1
    return backslashes % 2 == 0


def _hosts(location: Location, host: str) -> set[str]:
    """The hosts that belong to a location, and that of an endpoint of its own, if `host` is one there."""
    canonical, own = _canonical_host(location), _OWN_HOST.fullmatch(host)
    found = {location.private_host or canonical}
    if location.kind != "multi_region":
        found.add(canonical.replace("aiplatform.", "aiplatform.mtls."))
    if own and own[1] == location.id:
        found.add(host)
    return found - {""}


def _canonical_host(location: Location) -> str:
    """The one host of a location, from its id alone."""
    if location.kind == "global":
        return "aiplatform.googleapis.com"
    if location.kind == "multi_region":
        return f"aiplatform.{location.id}.rep.googleapis.com"
    return f"{location.id}-aiplatform.googleapis.com" if _REGION.fullmatch(location.id) else ""


def _mode(headers: Mapping[str, str]) -> str:
    """What the headers that change where or how a request is processed ask for."""
    if headers.get("x-vertex-ai-llm-request-type", "").lower() == "dedicated":
        return "provisioned"
    return headers.get("x-vertex-ai-llm-shared-request-type", "").lower() or "standard"


def _fits(claim: Processing, tokens: int | None) -> bool:
    return claim.max_context_tokens is None or (tokens is not None and tokens <= claim.max_context_tokens)
