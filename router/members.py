"""The members of a JSON object, cut out of its text without reading their values.

A body may be a megabyte of prompt or picture, and all that is looked for stands beside it. The values
are skipped, not decoded. What is cut is exact: an object that names a member twice, or writes a name
in another way than letter by letter, may mean one thing here and another to the service, so it is
not taken for an object at all.
"""

from __future__ import annotations

import re

import msgspec

from router.wire import UNREADABLE

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)

_NAME = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
_END = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*")

# An escape that JSON does not need, of a character that names are made of.
_LETTER = re.compile(rb"\\u00(?:2[dDeEfF]|3[0-9aA]|4[0-9a-fA-F]|5[0-9aAfF]|6[0-9a-fA-F]|7[0-9aA])")
_NEEDLESS = re.compile(rb"\\/|" + _LETTER.pattern)
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)


def plain(text: bytes) -> bytes:
    """The same JSON with names written letter by letter: `\\/` and `\\u0061` are taken out."""
    # None of these is in any usual body; the shorter one is, the faster it is seen not to be there.
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text) if b"\\/" in text or _LETTER.search(text) else text


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if not _NEEDLESS.match(escape[0]):
        return escape[0]
    return bytes.fromhex(escape[1].decode()) if escape[1] else b"/"


def members(text: bytes) -> dict[str, bytes] | None:
    """The members of an object, each with the text of its value; None when it is not one, exactly.

    Args:
        text: as `plain` gives it.
    """
    try:
        found = {name: bytes(value) for name, value in _OBJECT.decode(text).items()}
    except UNREADABLE:
        return None
    position = 0
    for name, value in found.items():
        here = _NAME.match(text, position)
        if here is None or here[1] != name.encode() or not text.startswith(value, here.end()):
            return None
        position = here.end() + len(value)
    if not found:
        return found
    return found if _END.fullmatch(text, position) else None


def elements(text: bytes) -> list[bytes] | None:
    """The elements of an array, each as text; None when it is not an array."""
    try:
        return [bytes(each) for each in _ARRAY.decode(text)]
    except UNREADABLE:
        return None


def string(text: bytes) -> str | None:
    """A string; None when it is something else."""
    try:
        return _TEXT.decode(text)
    except UNREADABLE:
        return None
