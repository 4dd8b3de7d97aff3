"""Members are cut out exactly as a whole reading of the JSON would, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.members import elements, members, plain, short, string

keys = st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_members_are_those_of_the_object(data: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    found = members(json.dumps(data, indent=indent, ensure_ascii=ascii_only).encode())
    if ascii_only and any(not name.isascii() for name in data):
        assert found is None, "a name that is written with escapes is not taken"
    else:
        assert found is not None
        assert {name: json.loads(value) for name, value in found.items()} == data


@given(st.lists(st.tuples(st.sampled_from("abc"), values), min_size=2, max_size=5))
def test_a_name_that_is_given_twice_makes_it_no_object(pairs: list[tuple[str, Any]]) -> None:
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
    twice = len({name for name, _ in pairs}) < len(pairs)
    assert (members(text.encode()) is None) == twice


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'"a"',
        b"{",
        b'{"a":1',
        b'{"a":1}}',
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1}//',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_object_to_the_letter_is_none(text: bytes) -> None:
    assert members(text) is None


@given(st.binary(max_size=60))
def test_no_text_makes_it_fail(text: bytes) -> None:
    for read in (members, elements, string):
        read(text)
    assert isinstance(plain(text), bytes)


@given(values)
def test_a_plain_text_says_the_same(data: Any) -> None:
    text = json.dumps(data).replace("/", "\\/").encode()
    assert json.loads(plain(text)) == data


@given(st.text())
def test_every_escape_of_a_letter_is_taken_out(text: str) -> None:
    written = '"' + "".join(f"\\u{ord(each):04X}" if ord(each) < 0x10000 else each for each in text) + '"'
    found = plain(written.encode("utf-8", "surrogatepass"))
    letters = [each for each in text if each.isascii() and (each.isalnum() or each in "-./:_@")]
    for letter in letters:
        assert letter.encode() in found
        assert f"\\u{ord(letter):04X}".encode() not in found


def test_a_backslash_that_is_escaped_begins_no_escape() -> None:
    assert plain(rb'"\\u0061 \u0061"') == rb'"\\u0061 a"'
    assert plain(rb'"\"\u002f"') == rb'"\"/"'


def test_an_array_is_cut_into_its_elements() -> None:
    assert elements(b' [1, {"a": [2]}, "x"] ') == [b"1", b'{"a": [2]}', b'"x"']
    assert elements(b"{}") is None


def test_a_string_is_read_and_nothing_else() -> None:
    assert string(b'"a\\n"') == "a\n"
    assert string(b"1") is None


LONG = {
    "prose": ('he said \\"no\\"\\n' + "and left " * 100) * 10,
    "base64": "QUJD/" * 2000,
    "backslashes": "it said: " + "a\\\\" * 3000,
    "escapes": "it said: " + "\\u00e9" * 2000,
}


@given(values, st.lists(st.sampled_from(sorted(LONG)), min_size=1, max_size=3))
def test_a_short_text_says_the_same_but_for_long_strings(data: Any, kinds: list[str]) -> None:
    texts = ", ".join(f'"{LONG[kind]}"' for kind in kinds)
    text = f'{{"before": {json.dumps(data)}, "long": [{texts}], "after": {json.dumps(data)}}}'.encode()
    assert json.loads(short(text)) == {"before": data, "long": ["~"] * len(kinds), "after": data}


def test_a_text_that_is_full_of_quotes_is_left_as_it_is() -> None:
    text = b'{"a": [' + b'"",' * 4000 + b'"' + b"x" * 9000 + b'"]}'
    assert short(text) is text


@pytest.mark.parametrize("name", ["projects/p/locations/us/x/", "//h/projects/", "https://h/", "p\\u0072ojects/"])
def test_what_may_be_a_name_is_left_however_long(name: str) -> None:
    text = f'{{"a": "{"x" * 9000}", "b": "{name + "1" * 9000}"}}'.encode()
    assert short(text) == text.replace(b"x" * 9000, b"~")


def test_nothing_but_strings_is_made_short() -> None:
    """What stands between them decides whether it is JSON at all."""
    for text in (b'{"a": [' + b" " * 9000 + b'1], "b": "c"}', b'{"a": "' + b"x" * 9000, b"1" * 9000):
        assert short(text) == text
