"""What a request's body says of where it may go: what binds it, and what it asks for.

Read without decoding prompts. A body that can't be read binds the request to where its client sends
it, and counts as asking for something unknown: no odd spelling sets a request free.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from router.features import STATE, USUAL, features, named, names_developer_file, tells
from router.members import exactly, holds, is_json, last_members, members, plain, short, string
from router.pins import Pin, names
from router.target import Target

UNREAD = "unread-body"
_REMEMBERED = 64
"""Kinds of bodies; most programs send one."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What was read.

    `pins` bind the request; `features` are ids of the catalog; `read` the locations of other services
    where data is read for it; `model` the publisher and model that a new resource is for, each empty
    where there is none.
    """

    pins: frozenset[Pin] = frozenset()
    features: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    model: tuple[str, str] = ("", "")


NOTHING = Contents()


def contents(target: Target, body: bytes | None, headers: Mapping[str, str]) -> Contents:
    """What the body of an understood request says."""
    if body == b"":
        return NOTHING
    if body is None or _unreadable(headers):
        return _unread(target)
    text = short(body)
    if text is not body and b"\\" in body and not is_json(body):
        return _unread(target)
    text = plain(text)
    read = last_members(text)
    if read is not None and not target.resource and _says_nothing(read, text):
        return NOTHING
    found = exactly(text, read)
    if found is None:
        return _unread(target)
    top, located = named(found), names(text)
    asked = set(features(top, target.dialect))
    if names_developer_file(text):
        asked.add("developer-file")
    pins = located.pins | _own(top, target) | (located.models if target.resource else frozenset())
    return Contents(
        pins=frozenset(pins),
        features=frozenset(asked),
        read=located.read,
        model=_new_for(top, target),
    )


def _says_nothing(top: Mapping[str, bytes], text: bytes) -> bool:
    """Whether a body has no member and no string by which it could be bound, or ask for anything.

    Spares most requests the exact reading. A member may be given twice as long as neither says anything.
    """
    names = set(top)
    if USUAL in names and text.count(f'"{USUAL}"'.encode()) == 1:
        inside = last_members(top[USUAL])
        if inside is None or any(map(tells, inside)):
            return False
        names.remove(USUAL)
    if any(map(tells, names)):
        return False
    return b"/" not in text or not (holds(text, b"/locations/") or names_developer_file(text))


def _unreadable(headers: Mapping[str, str]) -> bool:
    """Whether the headers say that the body is not plain JSON."""
    return not _is_plain_json(headers.get("content-type", ""), headers.get("content-encoding", "identity"))


@lru_cache(_REMEMBERED)
def _is_plain_json(kind: str, encoding: str) -> bool:
    return encoding.strip().lower() == "identity" and (not kind or "json" in kind.lower())


def _unread(target: Target) -> Contents:
    pin = Pin("a body that can't be read before it is sent", target.location)
    return Contents(pins=frozenset({pin}), features=frozenset({UNREAD}))


def _own(top: Mapping[str, bytes], target: Target) -> frozenset[Pin]:
    """What is named without a location, and so stands where the client is set to."""
    inside = [top, *(named(members(top[name]) or {}) for name in ("google", "extrabody") if name in top)]
    inside += [named(members(each["google"]) or {}) for each in inside[1:] if "google" in each]
    pins = set()
    for each in inside:
        cache = string(each.get("cachedcontent", b'""'))
        if cache is None or (cache and not cache.startswith(("projects/", "//", "https://"))):
            pins.add(Pin(cache or "cachedContent", target.location))
        pins |= {Pin(name, target.location) for name in STATE if name in each}
    return frozenset(pins)


_MODEL_NAME = re.compile(
    r"(?:projects/[^/]+/locations/[^/]+/)?publishers/(?P<publisher>[a-z0-9-]+)/models/(?P<model>[A-Za-z0-9._@-]+)"
)
_MADE_FOR_A_MODEL = ("cachedContents", "batchPredictionJobs")


def _new_for(top: Mapping[str, bytes], target: Target) -> tuple[str, str]:
    """The publisher and model that a cache or a batch job is made for."""
    if target.resource not in _MADE_FOR_A_MODEL or not target.asks:
        return "", ""
    found = _MODEL_NAME.fullmatch(string(top.get("model", b'""')) or "")
    return (found["publisher"], found["model"]) if found else ("", "")
