"""How a request says which way of buying capacity it wants: by headers, the same for every model.

Source: the use-provisioned-throughput, priority-paygo and flex-paygo pages.
"""

from __future__ import annotations

from collections.abc import Mapping

from catalog.schema import Mode

REQUEST_TYPE = "x-vertex-ai-llm-request-type"
SHARED_REQUEST_TYPE = "x-vertex-ai-llm-shared-request-type"

BOUGHT: tuple[Mode, ...] = ("provisioned", "single_zone_provisioned")
"""Modes of capacity that is reserved, and paid for whether it is used or not."""

SHARED = {REQUEST_TYPE: "shared"}
"""Keeps a request out of what is reserved at its location."""

_HEADERS: Mapping[Mode, dict[str, str]] = {
    "provisioned": {REQUEST_TYPE: "dedicated"},
    "single_zone_provisioned": {REQUEST_TYPE: "dedicated"},
    "priority": {SHARED_REQUEST_TYPE: "priority"},
    "flex": {SHARED_REQUEST_TYPE: "flex"},
}


def mode_of(headers: Mapping[str, str]) -> Mode | None:
    """The mode that a request's headers ask for; None when they can't be understood."""
    if REQUEST_TYPE not in headers and SHARED_REQUEST_TYPE not in headers:  # as nearly always
        return "standard"
    dedicated = headers.get(REQUEST_TYPE, "").strip().lower()
    shared = headers.get(SHARED_REQUEST_TYPE, "").strip().lower()
    if dedicated not in ("", "shared", "dedicated") or shared not in ("", "priority", "flex", "standard"):
        return None
    if dedicated == "dedicated":
        return "provisioned"
    if shared == "priority":
        return "priority"
    return "flex" if shared == "flex" else "standard"


def headers_of(mode: Mode) -> dict[str, str]:
    """The headers by which a request asks for a mode."""
    return dict(_HEADERS.get(mode, {}))
