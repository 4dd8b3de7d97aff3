"""What this application may do: one frozen value, checked once.

Each field has one meaning; fields that contradict each other are an error that names them, with
their lines when the policy came from a file.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, cast

from catalog.decode import DecodeError, decode
from catalog.errors import CatalogError, nearest
from catalog.lines import line_of
from catalog.query import Catalog, Trust
from catalog.schema import Confidence, Kind, Mode
from router.auditing import Auditing, as_given
from router.errors import PolicyError

Assurance = Literal["processing", "location"]
CallerLocation = Literal["prefer", "wall", "ignore"]
AfterRetirement = Literal["warn", "refuse"]
ScopeRule = Literal["tighten", "any"]
Reservations = Literal["first", "only", "service", "ignore"]

ANY_MODEL = "*"
"""In `model_fallback` as it is stored: the list for models that have none of their own."""

COST = "cost"
"""In `prefer`: the cheapest first."""

DEFAULT_CONNECT_TIMEOUT_S = 5.0
DEFAULT_ATTEMPT_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Where requests may go and how long they may try.

    Args:
        residency: the jurisdictions (`"eu"`, `{"eu", "us"}`, `"de"`) inside which processing must
            stay, taken together as one set of countries; absent means anywhere.
        assurance: `processing` wants a sourced guarantee of where processing stays; for `location`
            the endpoint's own place is enough, unless processing is known to happen elsewhere.
        min_confidence: evidence of lower confidence counts as unknown.
        max_evidence_age_days: under a residency, older evidence counts as unknown; the age is counted
            from the date of the source's content. Absent means any age.
        kinds: kinds of location that may be used.
        modes: ways of buying capacity that requests may ask for.
        allow_locations: if given, only these; `deny_locations`: never these.
        allow_models: if given, only these; `deny_models`: never these.
        prefer: locations or kinds, most wanted first; the rest follow in the catalog's order. `"cost"`
            among them: what those before it leave equal is tried by price, the cheapest first.
        caller_location: what the client's own location is: tried first (`prefer`), the only one
            (`wall`), or without meaning (`ignore`).
        preview_models: may preview models be used? Unless said, only without a residency.
        data_sharing_models: may models be used whose terms share prompts with their maker? Unless
            said, only without a residency.
        allow_features: features of requests (`google-search`, `explicit-caching`, ...) that are admitted under a
            residency although no guarantee says that they stay inside; see docs/requests.md.
        after_retirement: past an announced retirement that nobody has confirmed, `warn` or `refuse`.
        deadline_s: seconds for all attempts and waits of a request together, until its answer (of a
            stream: its first content).
        attempts: the most requests sent for one call. While every location is exhausted a call waits for
            the first to have capacity again, until its deadline; the default is more than it can use up.
        faults: the most of them that may end in a fault (5xx, time-out, connection); what finds no
            capacity is not among them. Default 6.
        reservations: what the overlay's reservations are for: they are used `first`, and what exceeds them
            is sent on demand by the policy's order; they are the `only` thing used for their models; the
            `service` itself spills what exceeds them over to on-demand capacity at their location; or they
            are left alone (`ignore`).
        model_fallback: models to turn to, in this order, when every location that may serve the one asked
            for has failed: a list for any model, or a table of lists by model. They must be of the same
            publisher, since requests are written for one.
        affinity_ttl_s: for so many seconds after an answer, requests that begin alike go to the same
            location first, where their prompt cache is; 0 for not at all.
        connect_timeout_s: seconds to reach a host; default 5, or the attempt's timeout if less.
        attempt_timeout_s: seconds of silence after which an attempt is given up; default 120, or the
            deadline if less.
        scopes: what scopes and requests may change of this policy: `tighten` it, or `any` of its fields.
        audit: the file in which every decision and attempt is kept on record, or an `Auditing` that says
            more; see docs/audit.md. Absent means none.
        repeat_after_timeout: may a request be sent again after a time-out, when the first may have
            been processed and billed? Only done with at least half of the deadline left.

    Raises:
        PolicyError: a field is wrong or contradicts another.
    """

    residency: Collection[str] | None = None
    assurance: Assurance = "processing"
    min_confidence: Confidence = "medium"
    max_evidence_age_days: int | None = None
    kinds: Collection[str] = ("global", "multi_region", "region")
    modes: Collection[str] = ("standard",)
    allow_locations: Collection[str] | None = None
    deny_locations: Collection[str] = ()
    allow_models: Collection[str] | None = None
    deny_models: Collection[str] = ()
    prefer: Collection[str] = ()
    caller_location: CallerLocation = "prefer"
    preview_models: bool | None = None
    data_sharing_models: bool | None = None
    allow_features: Collection[str] = ()
    after_retirement: AfterRetirement = "warn"
    deadline_s: float = 300.0
    attempts: int = 1000
    faults: int | None = None
    reservations: Reservations = "first"
    model_fallback: Collection[str] | Mapping[str, Collection[str]] = ()
    affinity_ttl_s: float = 300.0
    connect_timeout_s: float | None = None
    attempt_timeout_s: float | None = None
    repeat_after_timeout: bool = True
    scopes: ScopeRule = "tighten"
    audit: Auditing | str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            if name == "model_fallback":
                value = _fallbacks(value)
            elif kind in _LISTS and value is not None:
                value = _names(name, value)
            elif name == "audit":
                value = as_given(value)
            try:
                object.__setattr__(self, name, decode(value, kind))
            except DecodeError as error:
                raise PolicyError(f"`{name}`: {error}", [name]) from None
        for clash in _clashes(self):
            raise clash

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """The policy of a TOML file, whose keys are the fields of this class.

        Raises:
            PolicyError: with the file and the lines that are wrong or clash; the file says nothing.
        """
        import tomllib  # noqa: PLC0415 - only reading a file needs it
        from pathlib import Path  # noqa: PLC0415

        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"at line (\d+)", str(error))
            place = f"{file}:{found[1]}" if found else str(file)
            raise PolicyError(f"{place}: not valid TOML: {error}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(f"{file}: can't be read: {error}") from None
        if not data:  # cut off while it was written, or a template that was not filled in
            raise PolicyError(f"{file}: it says nothing, which would allow any location; leave it out if that is meant")
        try:
            return cls.of(data)
        except PolicyError as error:
            places = [f"{file}:{line_of(text, (name,))} (`{name}`)" for name in error.fields if name in data]
            raise PolicyError(f"{' and '.join(places) or file}: {error.message}", error.fields) from None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Policy:
        """The policy of plain data, as it stands in TOML.

        Raises:
            PolicyError: a key is unknown, or as for `Policy`.
        """
        for name in data:
            if name not in _TYPES:
                close = nearest(name, _TYPES)
                hint = f"; nearest: {', '.join(close)}" if close else f"; the fields are {', '.join(_TYPES)}"
                raise PolicyError(f"unknown field `{name}`{hint}", [name])
        return cls(**data)

    def check(self, catalog: Catalog) -> None:
        """Checks the names of this policy against a catalog.

        Raises:
            PolicyError: a name is not in the catalog; the error names the nearest.
        """
        for field, names, known in (
            ("residency", self.residency, catalog.countries),
            ("allow_locations", self.allow_locations, catalog.location),
            ("deny_locations", self.deny_locations, catalog.location),
            ("allow_models", self.allow_models, catalog.model),
            ("deny_models", self.deny_models, catalog.model),
            ("allow_features", self.allow_features, catalog.feature),
            ("prefer", set(self.prefer) - {*_KINDS, COST}, catalog.location),
            ("model_fallback", self._fallback_lists.keys() - {ANY_MODEL}, catalog.model),
            ("model_fallback", chain.from_iterable(self._fallback_lists.values()), catalog.model),
        ):
            for name in names or ():
                try:
                    known(name)
                except CatalogError as error:
                    raise PolicyError(f"`{field}`: {error}", [field]) from None
        allowed = {catalog.model(name).id for name in self.allow_models or ()}
        for name in self.deny_models:  # one by its id, the other by an alias
            if catalog.model(name).id in allowed:
                raise _clash(self, "allow_models", "deny_models", f"both mean {catalog.model(name).id!r}")

    @property
    def _fallback_lists(self) -> dict[str, tuple[str, ...]]:
        return dict(cast("Iterable[tuple[str, tuple[str, ...]]]", self.model_fallback))

    def fallbacks(self, *names: str) -> tuple[str, ...]:
        """The models to turn to from a model, given by its names."""
        lists = self._fallback_lists
        return next((lists[name] for name in (*names, ANY_MODEL) if name in lists), ())

    @property
    def limits_locations(self) -> bool:
        """Whether any location is ruled out, so that a request must be understood to be sent."""
        lists = self.allow_locations is not None or bool(self.deny_locations)
        return self.residency is not None or lists or set(self.kinds) != set(_KINDS)

    @property
    def trust(self) -> Trust:
        """How good evidence must be."""
        return Trust(self.min_confidence, self.max_evidence_age_days if self.residency is not None else None)

    @property
    def wishes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The locations and kinds that are preferred before cost, and those after it."""
        named = tuple(self.prefer)
        at = named.index(COST) if COST in named else len(named)
        return named[:at], named[at + 1 :]

    @property
    def admits_preview(self) -> bool:
        """Whether preview models may be used."""
        return self.residency is None if self.preview_models is None else self.preview_models

    @property
    def admits_data_sharing(self) -> bool:
        """Whether models may be used whose terms share prompts with their maker."""
        return self.residency is None if self.data_sharing_models is None else self.data_sharing_models

    @property
    def attempt_limit_s(self) -> float:
        """Seconds of silence after which an attempt is given up."""
        return self.attempt_timeout_s or min(DEFAULT_ATTEMPT_TIMEOUT_S, self.deadline_s)

    @property
    def connect_limit_s(self) -> float:
        """Seconds to reach a host."""
        return self.connect_timeout_s or min(DEFAULT_CONNECT_TIMEOUT_S, self.attempt_limit_s)

    @property
    def summary(self) -> str:
        """The policy's residency in a few words."""
        if self.residency is None:
            return "no residency"
        return f"residency {' + '.join(self.residency)}, by {self.assurance}"

    def as_dict(self) -> dict[str, Any]:
        """Every field as plain data."""
        return {
            **{each.name: _plain(getattr(self, each.name)) for each in dataclasses.fields(self)},
            "model_fallback": {model: list(names) for model, names in self._fallback_lists.items()},
        }

    def given(self) -> dict[str, Any]:
        """The fields that are not at their default, as plain data: what a TOML file would hold."""
        plain = self.as_dict()
        return {
            each.name: plain[each.name] for each in dataclasses.fields(self) if getattr(self, each.name) != each.default
        }

    @property
    def auditing(self) -> Auditing | None:
        """How its decisions are kept on record; None if they are not."""
        return self.audit if isinstance(self.audit, Auditing) else None


_KINDS = ("global", "multi_region", "region")
_LISTS = (tuple[str, ...], tuple[str, ...] | None, tuple[Kind, ...], tuple[Mode, ...])
# How each field is stored, whatever collection it was given as.
_TYPES: dict[str, Any] = {
    "residency": tuple[str, ...] | None,
    "assurance": Assurance,
    "min_confidence": Confidence,
    "max_evidence_age_days": int | None,
    "kinds": tuple[Kind, ...],
    "modes": tuple[Mode, ...],
    "allow_locations": tuple[str, ...] | None,
    "deny_locations": tuple[str, ...],
    "allow_models": tuple[str, ...] | None,
    "deny_models": tuple[str, ...],
    "prefer": tuple[str, ...],
    "caller_location": CallerLocation,
    "preview_models": bool | None,
    "data_sharing_models": bool | None,
    "allow_features": tuple[str, ...],
    "after_retirement": AfterRetirement,
    "deadline_s": float,
    "attempts": int,
    "faults": int | None,
    "reservations": Reservations,
    "model_fallback": tuple[tuple[str, tuple[str, ...]], ...],
    "affinity_ttl_s": float,
    "connect_timeout_s": float | None,
    "attempt_timeout_s": float | None,
    "repeat_after_timeout": bool,
    "scopes": ScopeRule,
    "audit": Auditing | None,
}


def _plain(value: Any) -> Any:
    if isinstance(value, Auditing):
        return value.as_dict()
    return list(value) if isinstance(value, tuple) else value


def _names(field: str, value: Any) -> tuple[Any, ...]:
    """One name or several, without repetitions; sets in a fixed order, lists in theirs."""
    if isinstance(value, str):
        value = [value]
    elif isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise PolicyError(f"`{field}`: expected a name or a list of names, got {value!r}", [field])
    return tuple(dict.fromkeys(value))


def _fallbacks(value: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Lists of models by model, as they are stored."""
    field = "model_fallback"
    if isinstance(value, Mapping):
        return tuple((str(model), _names(field, names)) for model, names in value.items())
    if isinstance(value, tuple) and value and all(isinstance(each, tuple) for each in value):
        return value  # as it is stored already
    names = _names(field, value)
    return ((ANY_MODEL, names),) if names else ()


def _clashes(policy: Policy) -> Iterable[PolicyError]:
    """What is wrong with values that are of the right type."""
    for field in ("residency", "kinds", "modes", "allow_locations", "allow_models"):
        if getattr(policy, field) == ():
            yield PolicyError(f"`{field}` is empty, which would allow nothing; leave it out to allow all", [field])
    yield from _clashing_lists(policy)
    yield from _clashing_numbers(policy)
    if policy.residency is not None:
        for field in ("kinds", "allow_locations"):
            if getattr(policy, field) == ("global",):
                yield _clash(policy, field, "residency", "global has no boundary, so nothing would be left")
        if "global" in policy.prefer:
            yield _clash(policy, "prefer", "residency", "global has no boundary and can't be preferred")
    if policy.caller_location == "wall" and policy.prefer:
        yield _clash(policy, "prefer", "caller_location", "with a wall there is nothing to choose")


def _clashing_lists(policy: Policy) -> Iterable[PolicyError]:
    for what in ("locations", "models"):
        both = set(getattr(policy, f"allow_{what}") or ()) & set(getattr(policy, f"deny_{what}"))
        for name in sorted(both):
            yield _clash(policy, f"allow_{what}", f"deny_{what}", f"both name {name!r}")
    for name in policy.prefer:
        if name in policy.deny_locations:
            yield _clash(policy, "prefer", "deny_locations", f"{name!r} is preferred and denied")
        elif name in _KINDS and name not in policy.kinds:
            yield _clash(policy, "prefer", "kinds", f"{name!r} is preferred and not among the kinds")
        elif policy.allow_locations is not None and _is_location(name) and name not in policy.allow_locations:
            yield _clash(policy, "prefer", "allow_locations", f"{name!r} is preferred and not allowed")


def _is_location(name: str) -> bool:
    return name == "global" or name not in (*_KINDS, COST)  # global is a kind, and the one location of it


def _clashing_numbers(policy: Policy) -> Iterable[PolicyError]:
    for field in ("deadline_s", "attempt_timeout_s", "connect_timeout_s"):
        value = getattr(policy, field)
        if value is not None and not 0 < value < float("inf"):
            yield PolicyError(f"`{field}` must be a number of seconds above 0, not {value}", [field])
    if not 0 <= policy.affinity_ttl_s < float("inf"):
        text = f"`affinity_ttl_s` must be a number of seconds, 0 or more, not {policy.affinity_ttl_s}"
        yield PolicyError(text, ["affinity_ttl_s"])
    for field in ("attempts", "faults", "max_evidence_age_days"):
        value = getattr(policy, field)
        if value is not None and value < 1:
            yield PolicyError(f"`{field}` must be at least 1, not {value}", [field])
    if policy.attempt_timeout_s is not None and policy.attempt_timeout_s > policy.deadline_s:
        yield _clash(policy, "attempt_timeout_s", "deadline_s", "an attempt may not take longer than all together")
    if policy.connect_timeout_s is not None and policy.connect_timeout_s > policy.attempt_limit_s:
        yield _connecting_too_long(policy)


def _connecting_too_long(policy: Policy) -> PolicyError:
    why = "connecting is a part of the attempt"
    if policy.attempt_timeout_s is not None:
        return _clash(policy, "connect_timeout_s", "attempt_timeout_s", why)
    if policy.deadline_s < DEFAULT_ATTEMPT_TIMEOUT_S:
        return _clash(policy, "connect_timeout_s", "deadline_s", why)
    field, value = "connect_timeout_s", policy.connect_timeout_s
    return PolicyError(f"`{field}` = {value} is above the default `attempt_timeout_s` of 120; {why}", [field])


def _clash(policy: Policy, one: str, other: str, why: str) -> PolicyError:
    values = " and ".join(f"`{name}` = {_shown(getattr(policy, name))}" for name in (one, other))
    return PolicyError(f"{values} contradict each other: {why}", [one, other])


def _shown(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)
