"""Short names for what a decision rests on, made of its content: the same content has the same name anywhere."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import msgspec

from catalog.query import Catalog
from catalog.schema import Availability, Claim
from router.policy import Policy

_ENCODER = msgspec.json.Encoder(order="deterministic")
_ORDERED = frozenset({"prefer", "modes"})
_CLAIM = 16
_WHOLE = 32


def claim_id(model: str, claim: Claim) -> str:
    """The name of a claim about a model (its id): `served-...` or `stays-...`."""
    kind = "served" if isinstance(claim, Availability) else "stays"
    return f"{kind}-{_digest([kind, model, claim], _CLAIM)}"


def claims_by_id(catalog: Catalog) -> dict[str, tuple[str, Claim]]:
    """Every claim of a catalog that a decision can rest on, with the model that it is about."""
    found: dict[str, tuple[str, Claim]] = {}
    for model in catalog.models.values():
        for claim in (*model.availability, *model.processing):
            found[claim_id(model.id, claim)] = (model.id, claim)
    return found


def policy_digest(policy: Policy) -> str:
    """The name of a policy: of the fields that differ from their defaults, apart from where its audit goes."""
    return _digest(policy_fields(policy), _WHOLE)


def policy_fields(policy: Policy) -> dict[str, Any]:
    """The fields that a policy's digest is made of; lists whose order means nothing are sorted."""
    return {
        name: sorted(value) if isinstance(value, list) and name not in _ORDERED else value
        for name, value in policy.given().items()
        if name != "audit"
    }


def catalog_digest(catalog: Catalog) -> str:
    """The name of a catalog with all overlays that were laid over it: of all that it was made of."""
    made_of = inspect.signature(Catalog).parameters
    return _digest({name: _plain(getattr(catalog, name)) for name in made_of}, _WHOLE)


def plan_digest(policy: str, catalog: str, question: bytes, allowed: bytes) -> str:
    """The name of a plan: of whose digests it is, what was asked, and what is allowed."""
    return _digest([policy, catalog, question.decode(), allowed.decode()], _WHOLE)


def _plain(value: Any) -> Any:
    """Entries by their ids, the rest as it is."""
    return dict(value) if hasattr(value, "items") else value


def _digest(value: Any, length: int) -> str:
    return hashlib.sha256(_ENCODER.encode(value)).hexdigest()[:length]
