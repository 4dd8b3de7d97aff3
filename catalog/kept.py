"""Keeps what was read from TOML files beside them, as Python keeps bytecode beside its source.

Reading TOML takes nearly all of the time that a catalog needs to load. What was read and found valid is
kept with the digest of the files and of the code that read them; when either differs, the files are read
anew. A built package brings what is kept along (`hatch_build.py`). Otherwise it is written when first
needed, unless Python was told to write no bytecode; where nothing can be kept, loading is merely slower.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")

_CODE = Path(__file__).parent
_DIGEST_BYTES = 32


def kept(name: str, directory: Path, files: Iterable[Path], kind: type[T], read: Callable[[], T]) -> T:
    """What `read` gives: kept from an earlier time if that was of the same files and code, else read now.

    Args:
        name: what it is called among the files that are kept for the directory.
        files: all that `read` reads.
        kind: the type of what it gives.
    """
    try:
        digest = _digest([*files, *sorted(_CODE.rglob("*.py"))])
    except OSError:  # which it is for `read` to tell
        return read()
    place = directory / "kept" / f"{name}.msgpack"
    with contextlib.suppress(OSError, msgspec.DecodeError):  # none yet, or not as this code wants it
        found = place.read_bytes()
        if found[:_DIGEST_BYTES] == digest:
            return msgspec.msgpack.decode(found[_DIGEST_BYTES:], type=kind)
    value = read()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):  # a directory that can't be written to
            _write(place, digest + msgspec.msgpack.encode(value))
    return value


def _digest(files: Iterable[Path]) -> bytes:
    found = blake2b(digest_size=_DIGEST_BYTES)
    for file in files:
        content = file.read_bytes()
        found.update(f"{file.name} {len(content)} ".encode() + content)
    return found.digest()


def _write(place: Path, content: bytes) -> None:
    """Writes a file whole or not at all, whoever else is writing it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(f".{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
