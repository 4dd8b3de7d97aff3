"""The members of a JSON object, cut out of its text without reading their values.

A body may be a megabyte of prompt or picture, and all that is looked for stands beside it. The values
are skipped, not decoded. What is cut is exact: an object that names a member twice, or writes a name
in another way than letter by letter, may mean one thing here and another to the service, so it is
not taken for an object at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from router.wire import UNREADABLE

_ANY = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)

_NAME = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*')
_END = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*")

# An escape that JSON does not need, of a character that names are made of.
_LETTER = re.compile(rb"\\u00(?:2[dDeEfF]|3[0-9aA]|4[0-9a-fA-F]|5[0-9aAfF]|6[0-9a-fA-F]|7[0-9aA])")
_NEEDLESS = re.compile(rb"\\/|" + _LETTER.pattern)
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_BACKSLASH = ord("\\")


_LONG = 4096
# A text with more quotes than one for so many bytes, besides those at its beginning, is read sooner than made short.
_BYTES_PER_QUOTE, _FREE_QUOTES = 200, 256


def short(text: bytes) -> bytes:
    """The same JSON with the insides of long strings taken out, which are no names of anything.

    What is left is JSON if the whole is, but not the other way round: escapes in them are not looked at.
    """
    if len(text) <= _LONG:
        return text
    parts, kept_from = [], 0
    opened, quotes, at = -1, 0, text.find(b'"')
    while at >= 0 and quotes <= _FREE_QUOTES + at // _BYTES_PER_QUOTE:
        quotes += 1
        if opened < 0:
            opened = at
        elif not escaped(text, at):
            if at - opened > _LONG and not _may_be_a_name(text, opened + 1):
                parts += [text[kept_from : opened + 1], b"~"]
                kept_from = at
            opened = -1
        at = text.find(b'"', at + 1)
    return b"".join([*parts, text[kept_from:]]) if parts else text


def escaped(text: bytes, at: int) -> bool:
    """Whether an odd number of backslashes stands before a character."""
    before = at
    while before > 0 and text[before - 1] == _BACKSLASH:
        before -= 1
    return (at - before) % 2 == 1


def _may_be_a_name(text: bytes, begin: int) -> bool:
    """Whether a string may be the name of a resource or the address of a file, by how it begins."""
    return text.startswith((b"projects", b"/", b"https"), begin) or b"\\" in text[begin : begin + 8]


def holds(text: bytes, words: bytes) -> bool:
    """`words in text`, for long texts: Python searches them backwards in a quarter of the time."""
    return text.rfind(words) >= 0


def plain(text: bytes) -> bytes:
    """The same JSON with names written letter by letter: `\\/` and `\\u0061` are taken out."""
    # None of these is in any usual body; the shorter one is, the faster it is seen not to be there.
    if b"\\" not in text:
        return text
    needless = holds(text, b"\\/") or (holds(text, b"\\u00") and _LETTER.search(text))
    return _ESCAPE.sub(_unescaped, text) if needless else text


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if not _NEEDLESS.match(escape[0]):
        return escape[0]
    return bytes.fromhex(escape[1].decode()) if escape[1] else b"/"


def last_members(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of an object as most readers take them: however they are written, and the last of equal ones."""
    try:
        return _OBJECT.decode(text)
    except UNREADABLE:
        return None


def members(text: bytes) -> dict[str, bytes] | None:
    """The members of an object, each with the text of its value; None when it is not one, exactly.

    Args:
        text: as `plain` gives it.
    """
    return exactly(text, last_members(text))


def exactly(text: bytes, read: Mapping[str, msgspec.Raw] | None) -> dict[str, bytes] | None:
    """`members`, for a text whose `last_members` are known."""
    if read is None:
        return None
    found = {name: bytes(value) for name, value in read.items()}
    position = 0
    for name, value in found.items():
        here = _NAME.match(text, position)
        if here is None or here[1] != name.encode() or not text.startswith(value, here.end()):
            return None
        position = here.end() + len(value)
    if not found:
        return found
    return found if _END.fullmatch(text, position) else None


def is_json(text: bytes) -> bool:
    """Whether a text is JSON to the letter."""
    try:
        _ANY.decode(text)
    except UNREADABLE:
        return False
    return True


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
