"""Whether one policy is as strict as another: what a scope, or a request, may ask for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from catalog.query import Catalog
from catalog.schema import CONFIDENCES
from router.errors import PolicyError
from router.policy import Policy

Stricter = Callable[[Any, Any], bool]
"""Whether the second value of a field allows nothing that the first does not."""


def tightened(policy: Policy, fields: Mapping[str, Any], catalog: Catalog) -> Policy:
    """The policy with some of its fields changed, each to something at least as strict.

    What is denied is added to what the policy denies. A policy with `scopes = "any"` lets any field change.
    Wishes and time limits of the policy that a change makes impossible give way to it.

    Raises:
        PolicyError: a field is unknown or wrong, or would allow what the policy does not.
    """
    given = Policy.of(dict(fields))
    named = {name: getattr(given, name) for name in fields}
    if named.get("audit", policy.audit) != policy.audit:
        raise PolicyError("`audit` is the router's own: a scope can't move it", ["audit"])
    if policy.scopes != "any":
        for name, value in named.items():
            if not _strict(name, policy, given, catalog):
                raise _loosening(policy, name, value)
        for name in _DENIES & named.keys():
            named[name] = (*getattr(policy, name), *named[name])
    changed = replace(policy, **{**_giving_way(policy, named), **named})
    changed.check(catalog)
    return changed


def _strict(name: str, policy: Policy, given: Policy, catalog: Catalog) -> bool:
    """Whether a field of what is given allows nothing that the policy does not."""
    old, new = getattr(policy, name), getattr(given, name)
    if name == "residency" and old is not None:
        given.check(catalog)
        return new is not None and _countries(new, catalog) <= _countries(old, catalog)
    if name == "preview_models":
        return new is False or policy.admits_preview
    if name == "data_sharing_models":
        return new is False or policy.admits_data_sharing
    return _RULES[name](old, new)


def _countries(jurisdictions: Collection[str], catalog: Catalog) -> frozenset[str]:
    return frozenset[str]().union(*(catalog.countries(each) for each in jurisdictions))


def _giving_way(policy: Policy, named: Mapping[str, Any]) -> dict[str, Any]:
    """What of the policy would contradict the change: a preference for `global`, time limits above a new deadline."""
    changed: dict[str, Any] = {}
    if named.get("residency") is not None:
        changed["prefer"] = tuple(name for name in policy.prefer if name != "global")
    limit = min(named.get("attempt_timeout_s") or policy.attempt_limit_s, named.get("deadline_s", policy.deadline_s))
    for name in ("attempt_timeout_s", "connect_timeout_s"):
        if (value := getattr(policy, name)) is not None:
            changed[name] = min(value, limit)
    return changed


def _loosening(policy: Policy, name: str, value: Any) -> PolicyError:
    has = getattr(policy, name)
    shown = [list(each) if isinstance(each, tuple) else each for each in (value, has)]
    return PolicyError(
        f"`{name}` = {shown[0]!r} would loosen the policy, which has {shown[1]!r}: a scope can only tighten it, "
        f'unless the policy has scopes = "any"',
        [name],
    )


def _any(_old: Any, _new: Any) -> bool:
    return True


def _at_most(old: float | None, new: float | None) -> bool:
    return old is None or (new is not None and new <= old)


def _fewer(old: Collection[str] | None, new: Collection[str] | None) -> bool:
    return old is None or (new is not None and set(new) <= set(old))


def _ordered(*stricter_last: Any) -> Stricter:
    return lambda old, new: stricter_last.index(new) >= stricter_last.index(old)


_DENIES = frozenset({"deny_locations", "deny_models"})
_RULES: Mapping[str, Stricter] = {
    "residency": _any,  # of a policy without one
    "assurance": _ordered("location", "processing"),
    "min_confidence": _ordered(*CONFIDENCES),
    "max_evidence_age_days": _at_most,
    "kinds": _fewer,
    "modes": _fewer,
    "allow_locations": _fewer,
    "deny_locations": _any,
    "allow_models": _fewer,
    "deny_models": _any,
    "prefer": _any,
    "allow_features": _fewer,
    "caller_location": lambda old, new: old != "wall" or new == "wall",
    "after_retirement": _ordered("warn", "refuse"),
    "deadline_s": _at_most,
    "attempts": _at_most,
    "faults": _at_most,
    "reservations": _any,
    "model_fallback": _any,  # the models are planned under the policy, as every other
    "affinity_ttl_s": _any,
    "connect_timeout_s": _at_most,
    "attempt_timeout_s": _at_most,
    "repeat_after_timeout": _ordered(True, False),
    "scopes": _ordered("any", "tighten"),
    "audit": _any,  # the same one, or it was refused before
}
