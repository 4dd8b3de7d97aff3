"""How a policy wants its decisions kept on record: where, and what happens when they can't be written."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, Literal

import msgspec

OnFailure = Literal["refuse", "continue"]

_LEAST_BYTES = 64 * 1024


class Auditing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the audit is written, and what it may cost.

    `file` is a path from the working directory; `{pid}` in it becomes the number of the process, so that
    several processes write one file each. `on_failure` says what happens to requests while the audit can't
    be written: `refuse` sends none, `continue` sends them and counts the lines that are lost; unless said,
    `refuse` under a residency. A file of `rotate_bytes` is set aside as `FILE.000001` and so on.
    """

    file: str
    on_failure: OnFailure | None = None
    rotate_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if not PurePath(self.file).name or self.file.endswith(("/", os.sep)):
            raise ValueError(f"`file` is to name a file, not {self.file!r}")
        if self.rotate_bytes < _LEAST_BYTES:
            raise ValueError(f"`rotate_bytes` must be at least {_LEAST_BYTES}, not {self.rotate_bytes}")

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return msgspec.structs.asdict(self)


def as_given(value: Any) -> Any:
    """What `Policy(audit=...)` was given, as a value or plain data: a path by itself is the file."""
    if isinstance(value, Auditing):
        return value.as_dict()
    return {"file": os.fspath(value)} if isinstance(value, (str, os.PathLike)) else value
