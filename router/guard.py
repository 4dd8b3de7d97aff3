"""The last check: one small function, just before bytes leave, that trusts nothing decided before.

It reads host and location from the address as it will go over the wire, and asks the claims of the
catalog itself. It shares no code with the rules that chose the location, so that a mistake there is
stopped here. It says yes or raises; it never repairs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

from catalog.query import Catalog
from catalog.schema import CONFIDENCES, KINDS, Availability, Claim, Location, Model, Processing
from router.errors import GuardStop
from router.policy import Policy

_PATH = re.compile(
    r"/v1(?:beta1)?/projects/[A-Za-z0-9.:_-]+/locations/([a-z0-9-]+)/"
    r"(?:publishers/[a-z0-9-]+/models/((?:[A-Za-z0-9._@-]|%40)+):[A-Za-z]+|endpoints/openapi/chat/completions)(?:\?[^#]*)?"
)
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")


class Guard:
    """Checks addresses against one policy over one catalog. Remembers its answers; safe to share."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._countries: set[str] = set()
        for name in policy.residency or ():
            self._countries |= catalog.countries(name)
        self._ids = {name: each.id for each in catalog.models.values() for name in (each.id, *each.aliases)}
        self._known: dict[tuple[str, str, str, date, int | None], str] = {}

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
    ) -> None:
        """Passes an address that the policy admits.

        Args:
            model: the catalog's id of the model that the request asks for.
            headers: those that will be sent, looked up in lower case.

        Raises:
            GuardStop: with what is wrong. Nothing must be sent.
        """
        found = _PATH.fullmatch(raw_path)
        if scheme != "https" or port not in (None, 443) or found is None:
            raise GuardStop(f"{scheme}://{host} with this path is not an address of a model; nothing was sent")
        location = self._catalog.locations.get(found[1])
        if location is None or host != (location.private_host or _canonical_host(location)):
            raise GuardStop(f"host {host} and location {found[1]!r} do not belong together; nothing was sent")
        named = (found[2] or model).replace("%40", "@")
        if self._ids.get(named, named) != model:
            raise GuardStop(f"the path names another model than {model}; nothing was sent")
        mode = _mode(headers)
        key = (model, location.id, mode, on, tokens)
        wrong = self._known.get(key)
        if wrong is None:
            wrong = self._known[key] = self._wrong(self._catalog.models.get(model), location, mode, on, tokens)
        if wrong:
            raise GuardStop(f"{location.id} is outside the policy: {wrong}; nothing was sent")

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
        self, model: Model | None, location: Location, mode: str, on: date, tokens: int | None
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
        if model is None:
            return "the model is not in the catalog"
        if location.jurisdiction is None:
            return "it stands in no jurisdiction"
        if mode != "standard" and not self._bought_here(model.availability, location, mode, on):
            return f"{mode} is not known to be served here"
        if policy.assurance == "location":
            inside = self._catalog.countries(location.jurisdiction) <= self._countries
            return "" if inside else "it stands outside the residency"
        return "" if self._stays(model.processing, location, on, tokens) else "no claim that processing stays inside"

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
