"""Which model is served where, in which mode, and inside which border its processing stays.

Dated, sourced facts about Google's Vertex AI; knows nothing of routing. `load()` gives the
`Catalog` shipped with the package.

Names are imported when they are first used: who routes needs neither the history nor, before there is
a router, the reader of files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.errors import (
        CatalogError,
        InvalidCatalog,
        Problem,
        UnknownFeature,
        UnknownJurisdiction,
        UnknownLocation,
        UnknownModel,
    )
    from catalog.history import Change, Expiry, changes, expiring, overdue
    from catalog.loader import load
    from catalog.own import Denied, Own, OwnQuota, PrivateEndpoint, Reservation
    from catalog.query import Bounded, Catalog, Served, Stays, Trust
    from catalog.schema import (
        Availability,
        Claim,
        Feature,
        Jurisdiction,
        Localised,
        Location,
        Model,
        Processing,
        Retirement,
        Source,
    )

_HOMES = {
    "Availability": "schema",
    "Bounded": "query",
    "Catalog": "query",
    "CatalogError": "errors",
    "Change": "history",
    "Claim": "schema",
    "Denied": "own",
    "Expiry": "history",
    "Feature": "schema",
    "InvalidCatalog": "errors",
    "Jurisdiction": "schema",
    "Localised": "schema",
    "Location": "schema",
    "Model": "schema",
    "Own": "own",
    "OwnQuota": "own",
    "PrivateEndpoint": "own",
    "Problem": "errors",
    "Processing": "schema",
    "Reservation": "own",
    "Retirement": "schema",
    "Served": "query",
    "Source": "schema",
    "Stays": "query",
    "Trust": "query",
    "UnknownFeature": "errors",
    "UnknownJurisdiction": "errors",
    "UnknownLocation": "errors",
    "UnknownModel": "errors",
    "changes": "history",
    "expiring": "history",
    "load": "loader",
    "overdue": "history",
}

__all__ = [
    "Availability",
    "Bounded",
    "Catalog",
    "CatalogError",
    "Change",
    "Claim",
    "Denied",
    "Expiry",
    "Feature",
    "InvalidCatalog",
    "Jurisdiction",
    "Localised",
    "Location",
    "Model",
    "Own",
    "OwnQuota",
    "PrivateEndpoint",
    "Problem",
    "Processing",
    "Reservation",
    "Retirement",
    "Served",
    "Source",
    "Stays",
    "Trust",
    "UnknownFeature",
    "UnknownJurisdiction",
    "UnknownLocation",
    "UnknownModel",
    "changes",
    "expiring",
    "load",
    "overdue",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
