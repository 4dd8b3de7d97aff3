"""Which model is served where, in which mode, and inside which border its processing stays.

Dated, sourced facts about Google's Vertex AI; knows nothing of routing. `load()` gives the
`Catalog` shipped with the package.
"""

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
