"""The plan of a request: ordered candidates, and every other location with the reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import msgspec

from catalog.schema import Kind, Mode


class Candidate(NamedTuple):
    """What an attempt may use: a model, at a location, bought in a mode."""

    model: str
    location: str
    mode: Mode


class Pool(NamedTuple):
    """What shares capacity, and so what is cooled or paced together."""

    project: str
    model: str
    location: str
    mode: Mode


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """How use of a candidate is limited, as far as that is documented or configured.

    `bucket` names a quota that several models share; empty if the model has its own. `per_second` is
    in requests or, with `in_tokens`, in tokens; 0 if it is not known.
    """

    bucket: str = ""
    per_second: float = 0.0
    in_tokens: bool = False

    @property
    def requests_per_s(self) -> float:
        """What it is in requests; 0 if that is not known."""
        return 0.0 if self.in_tokens else self.per_second


NO_LIMIT = Limit()


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that the policy admits, with the evidence for it.

    `boundary` is the jurisdiction in which processing is guaranteed to stay: an id, `none` or
    `unknown`. `source` is the address (or, lacking one, the id) of the claim that `why` rests on;
    `checked` the day on which the claim was compared with it; `age_days` the age, on the day of the
    plan, of the oldest evidence that the answer needs. `own` says that any of the evidence comes from
    the project's overlay. Candidates of the same `tier` are equally wanted; lower ones come first.
    """

    candidate: Candidate
    kind: Kind
    host: str
    boundary: str
    source: str
    checked: date | None
    age_days: int | None = None
    own: bool = False
    why: str
    tier: int = 0
    limit: Limit = NO_LIMIT


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A location that the policy or the facts rule out, by which rule, and what would mend it."""

    location: str
    rule: str
    reason: str
    source: str = ""
    mend: str = ""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Something else that the same policy admits: another model, or another mode of this one."""

    model: str
    mode: Mode
    locations: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return f"{self.model} in {self.mode} mode at {', '.join(self.locations)} ({self.why})"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request may go, in order, and why it may not go elsewhere.

    `allowed` and `refused` together name every location of the catalog. `policy` is the policy as
    plain data, `summary` the same in a few words. `exceptions` are the features that the request asks
    for and that the policy admits without a guarantee that they stay inside.
    """

    model: str
    modes: tuple[Mode, ...]
    on: date
    policy: dict[str, Any]
    summary: str
    allowed: tuple[Allowed, ...]
    refused: tuple[Refused, ...]
    warnings: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What may be tried, best first."""
        return tuple(each.candidate for each in self.allowed)

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain data: the contract of `vertex-router explain --json`."""
        return {
            "model": self.model,
            "date": self.on.isoformat(),
            "policy": {name: list(value) if isinstance(value, list) else value for name, value in self.policy.items()},
            "allowed": [
                {
                    "location": each.candidate.location,
                    "kind": each.kind,
                    "host": each.host,
                    "mode": each.candidate.mode,
                    "boundary": each.boundary,
                    "source": each.source,
                    "checked": each.checked.isoformat() if each.checked else None,
                    "evidence_age_days": each.age_days,
                    "own_source": each.own,
                    "why": each.why,
                }
                for each in self.allowed
            ],
            "refused": [
                {"location": each.location, "rule": each.rule, "reason": each.reason, "source": each.source or None}
                for each in self.refused
            ],
            "warnings": list(self.warnings),
            "exceptions": list(self.exceptions),
            "alternatives": [
                {"model": each.model, "mode": each.mode, "locations": list(each.locations), "why": each.why}
                for each in self.alternatives
            ],
        }

    def refusals(self) -> Iterator[tuple[str, tuple[Refused, ...]]]:
        """The refused locations, grouped by what refused them: each reason once, with all it holds for."""
        groups: dict[tuple[str, str, str], list[Refused]] = {}
        for each in self.refused:
            groups.setdefault((each.rule, each.reason, each.mend), []).append(each)
        for (rule, reason, mend), members in groups.items():
            yield f"{rule}: {reason}" + (f"; {mend}" if mend else ""), tuple(members)

    def __str__(self) -> str:
        lines = [f"{self.model} on {self.on}, {self.summary}"]
        lines += [f"warning: {each}" for each in self.warnings]
        lines += ["may go to, in this order:"] if self.allowed else ["may go nowhere"]
        lines += [f"  {each.candidate.location} ({each.candidate.mode}): {each.why}" for each in self.allowed]
        lines += ["may not go to:"] if self.refused else []
        for reason, members in self.refusals():
            places = ", ".join(each.location for each in members)
            lines += _wrapped(f"{places}: {reason}")
        lines += ["also possible under this policy:"] if self.alternatives else []
        lines += [f"  {each}" for each in self.alternatives]
        return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    import textwrap  # noqa: PLC0415 - only printing needs it

    return textwrap.wrap(text, 110, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
