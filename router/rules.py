"""The rules by which a location is admitted or refused, in the order in which a reader wants to hear them.

Facts come before wishes: a location that does not serve the model is said not to, even when the
policy would have refused it as well. The first rule that refuses is the one that is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import NamedTuple

from catalog.query import Bounded, Catalog, Served, Stays
from catalog.schema import MODES, NO_BOUNDARY, UNKNOWN_BOUNDARY, Location, Mode, Model, Quota
from router.modes import BOUGHT
from router.plan import NO_LIMIT, Allowed, Candidate, Limit, Refused
from router.policy import Policy

AT_REST = "google-data-residency"
"""The source that says: data at rest stays in the location that was chosen."""

_STAGE = {"preview": "a preview", "experimental": "an experimental"}


class Question(NamedTuple):
    """What a plan is asked for.

    `model` is an id or alias; `method` a model method, empty for any; `tokens` an upper bound of the
    request's context, None for unbounded; `caller` the location that the client was set to, if any;
    `pins` the locations that the request is bound to; `counted` the model whose tokens are counted,
    when `model` is the one that counts them; `features` what it asks for beyond the model's own work;
    `read` locations of other services where data is read for it; `mtls` says that it needs a host which
    takes certificate-bound tokens, `resource` the kind of resource that it is about when it names no model,
    `host` that of an endpoint of its own.
    """

    model: str
    modes: tuple[Mode, ...]
    on: date
    method: str = ""
    tokens: int | None = None
    caller: str = ""
    pins: frozenset[str] = frozenset()
    counted: str = ""
    features: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    mtls: bool = False
    resource: str = ""
    host: str = ""


class Rules:
    """One policy's rules over one catalog."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._within: frozenset[str] | None = None
        if policy.residency is not None:
            self._within = frozenset[str]().union(*(catalog.countries(each) for each in policy.residency))
        self._trust = policy.trust
        self._named = " + ".join(policy.residency or ())
        self._allow_models = {catalog.model(name).id for name in policy.allow_models or ()}
        self._deny_models = {catalog.model(name).id for name in policy.deny_models}

    def judge(self, model: Model, place: Location, mode: Mode, question: Question) -> Allowed | Refused:
        """One location in one mode: admitted with its evidence, or refused by the first rule that does."""
        served = self._catalog.served(model.id, place.id, mode, question.on, self._trust)
        bounded = self._catalog.boundary(model.id, place.id, question.on, question.tokens, self._trust)
        refused = next(self._refusals(model, place, mode, question, served, bounded), None)
        return refused or self._admit(model, place, mode, question, served, bounded)

    def admits(self, model: Model, place: Location, mode: Mode, question: Question) -> Allowed | None:
        """`judge` for who asks of no reasons: most locations are refused at a glance, as not known to serve it."""
        if not self.serves(model, place, mode, question.on) and not self._kept(place, question):
            return None
        judged = self.judge(model, place, mode, question)
        return judged if isinstance(judged, Allowed) else None

    def judge_stranger(self, place: Location, question: Question) -> Allowed | Refused:
        """The client's own location, for a model that the catalog does not know; never under a residency."""
        mode = question.modes[0]
        refused = next(chain(self._denied(question.model, place), self._unwanted(place, mode, question)), None)
        if refused is None and self._policy.allow_models is not None:
            refused = self._refuse(
                place, "model-not-allowed", f"the policy's allow_models does not name {question.model}"
            )
        return refused or Allowed(
            candidate=Candidate(question.model, place.id, mode),
            kind=place.kind,
            host=_host(place, question),
            boundary=UNKNOWN_BOUNDARY,
            source="",
            checked=None,
            why="the model is not in the catalog; the client's own location is kept",
        )

    def judge_resource(self, place: Location, question: Question) -> Allowed | Refused:
        """The client's own location, for a request about a resource that is there, and names no model.

        What it stores or touches at rest stays in the location that was chosen, so under a residency the
        location must stand inside. What it has processed is judged by the features that it asks for.
        """
        refused = next(
            chain(
                self._denied("", place),
                self._placed(place),
                self._featured(place, question),
                self._unwanted(place, question.modes[0], question),
            ),
            None,
        )
        inside = f"; the location stands within {self._named}" if self._within is not None else ""
        return refused or Allowed(
            candidate=Candidate(question.resource, place.id, question.modes[0]),
            kind=place.kind,
            host=question.host or _host(place, question),
            boundary=place.jurisdiction or UNKNOWN_BOUNDARY,
            source=self._cite(AT_REST if self._within is not None else ""),
            checked=None,
            why=f"{question.resource} stays where it is{inside}",
        )

    def exceptions(self, question: Question) -> tuple[str, ...]:
        """The features that are admitted though no guarantee covers them."""
        if self._within is None:
            return ()
        covered = {name for name in question.features if self._stays(name, question).verdict == "yes"}
        return tuple(sorted(question.features - covered))

    def why_exceptional(self, feature: str, question: Question) -> str:
        """What is not guaranteed of a feature, and what admits it all the same."""
        by = "allow_features" if feature in self._policy.allow_features else 'assurance = "location"'
        return f"{feature}: {self._stays(feature, question).reason}; admitted by the policy's {by}"

    def serves(self, model: Model, place: Location, mode: Mode, on: date) -> bool:
        """Whether there is good enough evidence that the location serves the model in this mode."""
        return self._catalog.served(model.id, place.id, mode, on, self._trust).verdict == "yes"

    def _refusals(
        self, model: Model, place: Location, mode: Mode, question: Question, served: Served, bounded: Bounded
    ) -> Iterator[Refused]:
        yield from self._unserved(model, place, mode, question, served)
        yield from self._unreserved(model, place, mode, question.on)
        if self._within is not None:
            by_place = self._policy.assurance == "location"
            yield from self._outside_by_place(place, bounded) if by_place else self._outside(place, bounded)
        yield from self._featured(place, question)
        yield from self._unwanted(place, mode, question)
        yield from self._barred(model, place, question)
        if question.counted:
            yield from self._barred(self._catalog.model(question.counted), place, question)

    def _unserved(
        self, model: Model, place: Location, mode: Mode, question: Question, served: Served
    ) -> Iterator[Refused]:
        if served.verdict == "yes" or (served.verdict == "unknown" and self._kept(place, question)):
            return
        rule = "not-served" if served.verdict == "no" else "not-known-to-be-served"
        others = [each for each in MODES if each != mode and self.serves(model, place, each, question.on)]
        also = f"; served in {', '.join(others)} mode" if others else ""
        yield self._refuse(place, rule, served.reason + also, served.source)

    def _unreserved(self, model: Model, place: Location, mode: Mode, on: date) -> Iterator[Refused]:
        """A project that says what it has reserved has reserved nothing else."""
        if (
            mode in BOUGHT
            and self._catalog.own.reservations
            and not self._catalog.reserved(model.id, place.id, mode, on)
        ):
            yield self._refuse(place, "not-reserved", f"the overlay names no reservation in {mode} mode here")

    def _reserved(self, question: Question, place: Location, mode: Mode) -> bool:
        """Whether the project has bought this very capacity, which by itself asks for its mode."""
        if mode not in BOUGHT or self._policy.reservations == "ignore":
            return False
        return self._catalog.reserved(self._catalog.model(question.model).id, place.id, mode, question.on) is not None

    def _kept(self, place: Location, question: Question) -> bool:
        """Without a residency, a caller who insists on a location gets it, known to the catalog or not."""
        return self._within is None and self._policy.caller_location == "wall" and place.id == question.caller

    def _outside(self, place: Location, bounded: Bounded) -> Iterator[Refused]:
        """The residency rule: processing is guaranteed to stay inside, by a sourced claim. Unknown is no."""
        source = bounded.claim.source if bounded.claim else ""
        if place.kind == "global" or bounded.boundary == NO_BOUNDARY:
            yield self._refuse(place, "no-boundary", bounded.reason, source or place.source)
        elif bounded.boundary == UNKNOWN_BOUNDARY:
            yield self._refuse(place, "boundary-unknown", bounded.reason, source)
        elif not bounded.countries <= (self._within or frozenset()):
            mend = f"a residency that includes {bounded.boundary} would admit it"
            yield self._refuse(place, "boundary-outside", f"{bounded.reason}, not within {self._named}", source, mend)

    def _outside_by_place(self, place: Location, bounded: Bounded) -> Iterator[Refused]:
        """The weaker rule: the endpoint stands inside, and processing is not known to happen elsewhere."""
        within = self._within or frozenset()
        if place.kind == "global":
            yield self._refuse(place, "no-boundary", bounded.reason, place.source)
        elif not self._catalog.place(place.id) <= within:
            yield self._refuse(place, "location-outside", f"the endpoint stands outside {self._named}", place.source)
        elif bounded.claim and bounded.countries and not bounded.countries & within:
            reason = f"{bounded.reason}, outside {self._named}"
            yield self._refuse(place, "boundary-outside", reason, bounded.claim.source)

    def _placed(self, place: Location) -> Iterator[Refused]:
        """Where data at rest stays: the location itself stands inside. No claim is weaker or stronger than that."""
        if self._within is None:
            return
        if place.jurisdiction is None:
            yield self._refuse(place, "no-boundary", "global stands nowhere in particular", place.source)
        elif not self._catalog.place(place.id) <= self._within:
            yield self._refuse(place, "location-outside", f"the location stands outside {self._named}", place.source)

    def _featured(self, place: Location, question: Question) -> Iterator[Refused]:
        """What the request asks for beyond the model's own work, and where other services read data for it."""
        if self._within is None:
            return
        for name in sorted(question.features - set(self._policy.allow_features)):
            stays = self._stays(name, question)
            tolerated = stays.verdict == "unknown" and self._policy.assurance == "location"
            if stays.verdict != "yes" and not tolerated:
                mend = f'allow_features = ["{name}"] would admit it'
                source = stays.claim.source if stays.claim else ""
                yield self._refuse(place, f"feature-{name}", stays.reason, source, mend)
        for name in sorted(question.read):
            there = self._catalog.locations.get(name)
            if there is None or not there.jurisdiction or not self._catalog.place(name) <= self._within:
                yield self._refuse(place, "read-outside", f"data is read in {name}, outside {self._named}")

    def _stays(self, feature: str, question: Question) -> Stays:
        return self._catalog.stays(feature, question.on, self._trust)

    def _unwanted(self, place: Location, mode: Mode, question: Question) -> Iterator[Refused]:
        """What binds the request to a location, and what the policy says of locations and modes."""
        policy = self._policy
        if question.pins and question.pins != {place.id}:
            named = ", ".join(sorted(question.pins))
            yield self._refuse(place, "pinned", f"a resource that the request names binds it to {named}")
        if question.mtls and not place.mtls_host:
            reason = "multi-regions publish no host for certificate-bound tokens"
            mend = "a client without a certificate could go there"
            yield self._refuse(place, "no-mtls-host", reason, place.source, mend)
        if place.id in policy.deny_locations:
            yield self._refuse(place, "location-denied", "the policy's deny_locations names it")
        if policy.allow_locations is not None and place.id not in policy.allow_locations:
            yield self._refuse(place, "location-not-allowed", "the policy's allow_locations does not name it")
        if place.kind not in policy.kinds:
            yield self._refuse(place, "kind-not-allowed", f"the policy's kinds do not include {place.kind}")
        if mode not in policy.modes and not self._reserved(question, place, mode):
            yield self._refuse(place, "mode-not-allowed", f"the policy's modes do not include {mode}")
        if policy.caller_location == "wall" and question.caller and place.id != question.caller:
            mend = 'a policy with caller_location = "prefer" would let it move'
            yield self._refuse(place, "caller-wall", f"the client is set to {question.caller}", mend=mend)

    def _barred(self, model: Model, place: Location, question: Question) -> Iterator[Refused]:
        """What overlay and policy say of the model itself, wherever it is."""
        policy, end = self._policy, model.retirement
        yield from self._denied(model.id, place)
        if model.service != "aiplatform":
            reason = f"the {model.service} API serves {model.id}, on hosts that the router does not send to"
            yield self._refuse(place, "other-service", reason)
        if model.id in self._deny_models:
            yield self._refuse(place, "model-denied", f"the policy's deny_models names {model.id}")
        if policy.allow_models is not None and model.id not in self._allow_models and model.task != "count":
            yield self._refuse(place, "model-not-allowed", f"the policy's allow_models does not name {model.id}")
        if model.stage != "ga" and not policy.admits_preview:
            mend = "preview_models = true would admit it"
            yield self._refuse(place, "preview-model", f"{model.id} is {_STAGE[model.stage]} model", mend=mend)
        if model.data_sharing and not policy.admits_data_sharing:
            terms, mend = model.data_sharing, "data_sharing_models = true would admit it"
            yield self._refuse(place, "data-sharing", terms.terms, terms.source, mend)
        if policy.after_retirement == "refuse" and end and end.passed(question.on):
            mend = 'after_retirement = "warn" would admit it'
            reason = f"the retirement announced for {end.on} has passed"
            yield self._refuse(place, "retirement-passed", reason, end.source, mend)
        known = question.method in ("", *model.methods) or bool(question.counted)
        if self._within is not None and not known:
            reason = f"the catalog does not know {question.method} for {model.id}, so nothing is guaranteed for it"
            yield self._refuse(place, "method-unknown", reason)

    def _denied(self, model: str, place: Location) -> Iterator[Refused]:
        if reason := self._catalog.denied(model, place.id):
            yield self._refuse(place, "location-denied", f"the overlay denies it: {reason}")

    def _refuse(self, place: Location, rule: str, reason: str, source: str = "", mend: str = "") -> Refused:
        return Refused(location=place.id, rule=rule, reason=reason, source=self._cite(source), mend=mend)

    def _admit(
        self, model: Model, place: Location, mode: Mode, question: Question, served: Served, bounded: Bounded
    ) -> Allowed:
        guaranteed = self._within is not None and self._policy.assurance == "processing"
        resting = bounded.claim if guaranteed else served.claim
        ages = (served.age_days, bounded.age_days if guaranteed else None)
        here = f"served in {mode} mode" + (f", by this project's own source {served.source!r}" if served.own else "")
        if served.verdict != "yes":
            why = "the client's own location, kept; the catalog does not know it to serve this model"
        elif self._within is None:
            why = here
        elif self._policy.assurance == "location":
            why = f"{here}; the endpoint stands within {self._named}" + (f"; {bounded.reason}" if bounded.own else "")
        else:
            why = f"{here}; {bounded.reason}"
        return Allowed(
            candidate=Candidate(model.id, place.id, mode),
            kind=place.kind,
            host=_host(place, question),
            boundary=bounded.boundary,
            source=self._cite(resting.source if resting else place.source),
            checked=resting.checked if resting else None,
            age_days=max((age for age in ages if age is not None), default=None),
            own=served.own or (self._within is not None and bounded.own),
            why=why,
            limit=self._limit(model, place, question.on),
        )

    def _limit(self, model: Model, place: Location, on: date) -> Limit:
        """How use is limited here. Where both requests and tokens are, requests are counted at first."""
        quota = self._catalog.quota(model.id, place.id, on)
        if quota is None:
            return NO_LIMIT
        bucket = quota.bucket if isinstance(quota, Quota) and quota.system == "lineage" else ""
        if quota.requests_per_minute is not None:
            return Limit(bucket=bucket, per_second=quota.requests_per_minute / 60)
        parts = quota.input_tokens_per_minute or quota.output_tokens_per_minute
        in_tokens = bool(quota.tokens_per_minute or parts)
        return Limit(bucket=bucket, per_second=(quota.tokens_per_minute or 0) / 60, in_tokens=in_tokens)

    def _cite(self, source: str) -> str:
        """A source's address, or its id when it has none."""
        found = self._catalog.sources.get(source)
        return (found.url or found.id) if found else ""


def _host(place: Location, question: Question) -> str:
    return place.mtls_host if question.mtls else place.endpoint
