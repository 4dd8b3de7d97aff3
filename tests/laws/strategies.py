"""Random policies, requests and bad days, for the laws."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import catalog
from router import Policy, PolicyError
from tests.world import ERROR_EVENT, gemini_url, piece, sse

CATALOG = catalog.load()
LOCATIONS = sorted(CATALOG.locations)

jurisdictions = st.sampled_from(["eu", "eea", "us", "de", "fr", "gb", "ch", "jp", "in", "sg"])
residencies = st.none() | st.sets(jurisdictions, min_size=1, max_size=3)
locations = st.sampled_from(LOCATIONS)


@st.composite
def policies(draw: st.DrawFn, *, residency: st.SearchStrategy[Any] = residencies) -> Policy:
    """Any policy that does not contradict itself."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "assurance": st.sampled_from(["processing", "location"]),
        "min_confidence": st.sampled_from(["low", "medium", "high"]),
        "kinds": st.sets(st.sampled_from(["global", "multi_region", "region"]), min_size=1),
        "allow_locations": st.sets(locations, min_size=1, max_size=20),
        "deny_locations": st.sets(locations, max_size=5),
        "prefer": st.lists(locations, max_size=3),
        "caller_location": st.sampled_from(["prefer", "wall", "ignore"]),
        "preview_models": st.booleans(),
        "data_sharing_models": st.booleans(),
        "attempts": st.integers(1, 8),
        "deadline_s": st.floats(1.0, 200.0),
        "repeat_after_timeout": st.booleans(),
    }
    fields = draw(st.fixed_dictionaries({}, optional=optional))
    fields["residency"] = draw(residency)
    try:
        return Policy(**fields)
    except PolicyError:
        return Policy(residency=fields["residency"])


METHODS = {
    "google": ["generateContent", "streamGenerateContent", "countTokens", "predict", "embedContent"],
    "anthropic": ["rawPredict", "streamRawPredict"],
    "mistralai": ["rawPredict", "streamRawPredict"],
}
NAMED_IN_URL = sorted(model.id for model in CATALOG.models.values() if model.publisher in METHODS)


@st.composite
def urls(draw: st.DrawFn) -> str:
    """A request that a client might make, for any model that is named in its URL, set to any location."""
    model = CATALOG.models[draw(st.sampled_from(NAMED_IN_URL))]
    location = draw(locations)
    method = draw(st.sampled_from(METHODS[model.publisher]))
    url = gemini_url(location, draw(st.sampled_from([model.id, *model.aliases])), method)
    return url.replace("publishers/google", f"publishers/{model.publisher}")


GOOD = sse(piece("a"), piece("b", last=True))

replies = st.sampled_from(
    [
        *(200, 200, 400, 401, 403, 404, 408, 413, 429, 429, 429, 499, 500, 501, 502, 503, 503, 504, 529, 302, 307),
        *("ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError", "PoolTimeout"),
        *(GOOD, sse(piece("a")), sse(ERROR_EVENT), sse(piece("a")) + sse(ERROR_EVENT), b"", b"<!DOCTYPE html>"),
    ]
)
"""What a location may answer: statuses, network errors, streams whole, cut and with errors inside."""

bad_days = st.lists(st.tuples(replies, st.floats(0.0, 60.0)), min_size=1, max_size=12)
"""Replies in order, each with the seconds it takes; the last one is repeated."""
