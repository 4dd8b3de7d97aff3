"""How the emulated Vertex AI behaves: a frozen value, made in Python or read from TOML.

Without a scenario every location answers, and the catalog says which model is served where. A
scenario adds behaviours. Where several of them fit a request, each aspect (outage, quota, latency,
errors, stream, answer) comes from the one that fits closest: location and model, location, every
location and the model, every location.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import msgspec

from catalog import Catalog, Problem, load
from catalog.decode import DecodeError, decode
from catalog.errors import nearest
from catalog.lines import line_of
from router.emulator.behaviour import EVERYWHERE, Behaviour, Place, Value, impossible
from router.emulator.errors import InvalidScenario

_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}")


class Serving(Value, frozen=True, kw_only=True):
    """A departure from the catalog: a model that is served at some locations, or isn't.

    Args:
        model: an id; it need not be in the catalog.
        publisher: as in the path of requests, e.g. `google`, `anthropic`, `mistralai`.
        locations: where this holds; elsewhere the catalog says.
    """

    model: str
    publisher: str
    locations: tuple[str, ...]
    served: bool = True


class Scenario(Value, frozen=True, kw_only=True):
    """How the emulated Vertex AI behaves.

    Args:
        on: the emulated day, for the catalog; None is today.
        project: the project of the emulator's credentials; requests may name any.
        token_lifetime_s: how long tokens of the token endpoint last.
        revoked: tokens that are refused from the start; any other that isn't blank is accepted.
        behaviours: what goes wrong; in TOML `[[behaviour]]`.
        serving: where this differs from the catalog; in TOML `[[serving]]`.
    """

    on: date | None = None
    project: str = "emulated-project"
    token_lifetime_s: int = 3600
    revoked: tuple[str, ...] = ()
    behaviours: tuple[Behaviour, ...] = msgspec.field(default=(), name="behaviour")
    serving: tuple[Serving, ...] = ()

    @classmethod
    def load(cls, path: str | Path, catalog: Catalog | None = None) -> Scenario:
        """The scenario of a TOML file, checked against a catalog (by default the shipped one).

        Raises:
            InvalidScenario: with file, line, entry, field of each problem, and what was expected there.
        """
        text = _read(path)
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"at line (\d+)", str(error))
            problem = Problem(str(path), int(found[1]) if found else 0, "", "", f"not valid TOML: {error}")
            raise InvalidScenario([problem]) from None
        return valid(data, load() if catalog is None else catalog, str(path), text)


def valid(data: object, catalog: Catalog, file: str = "scenario", text: str = "") -> Scenario:
    """A scenario from plain data, or from another scenario, in which all types, names and numbers are right.

    Args:
        data: as in TOML; values of this package may stand in it anywhere.
        file: what errors call it.
        text: the TOML that it comes from, to tell lines.

    Raises:
        InvalidScenario: with every problem found; of wrong types, the first.
    """
    try:
        scenario = decode(msgspec.to_builtins(data, builtin_types=(date,)), Scenario)
    except DecodeError as error:
        raise InvalidScenario([_problem(file, text, error.path, str(error))]) from None
    if problems := [_problem(file, text, *each) for each in _wrong(scenario, catalog)]:
        raise InvalidScenario(problems)
    return scenario


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario([Problem(str(path), 0, "", "", f"can't be read: {error}")]) from None


def _problem(file: str, text: str, place: Place, message: str) -> Problem:
    head, rest = place[:2], place[2:]
    if not (len(head) > 1 and isinstance(head[1], int)):
        head, rest = (), place
    entry = f"{head[0]} #{int(head[1]) + 1}" if head else ""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)
    return Problem(file, line_of(text, place), entry, field.removeprefix("."), message)


def _wrong(scenario: Scenario, catalog: Catalog) -> Iterator[tuple[Place, str]]:
    """What is wrong with a scenario whose types are right."""
    if not _PROJECT.fullmatch(scenario.project):
        yield ("project",), f"expected a project id, not {scenario.project!r}"
    if scenario.token_lifetime_s < 1:
        yield ("token_lifetime_s",), f"expected 1 or more, not {scenario.token_lifetime_s}"
    for index, serving in enumerate(scenario.serving):
        for name in serving.locations:
            yield from _unknown(("serving", index, "locations"), "location", name, catalog.locations)
    for index, behaviour in enumerate(scenario.behaviours):
        for place, message in _wrong_behaviour(behaviour, scenario, catalog):
            yield ("behaviour", index, *place), message
    yield from _repeated(scenario.behaviours)


def _wrong_behaviour(behaviour: Behaviour, scenario: Scenario, catalog: Catalog) -> Iterator[tuple[Place, str]]:
    if behaviour.location != EVERYWHERE:
        yield from _unknown(("location",), "location", behaviour.location, catalog.locations)
    if behaviour.model is not None:
        models = [name for model in catalog.models.values() for name in (model.id, *model.aliases)]
        models += [serving.model for serving in scenario.serving]
        yield from _unknown(("model",), "model", behaviour.model, models)
    yield from impossible(behaviour)


def _repeated(behaviours: Iterable[Behaviour]) -> Iterator[tuple[Place, str]]:
    seen: dict[tuple[str, str | None], int] = {}
    for index, behaviour in enumerate(behaviours):
        first = seen.setdefault((behaviour.location, behaviour.model), index)
        if first != index:
            yield ("behaviour", index), f"behaviour #{first + 1} has this location and model already"


def _unknown(place: Place, kind: str, name: str, known: Iterable[str]) -> Iterator[tuple[Place, str]]:
    if name not in (names := list(known)):
        close = nearest(name, names)
        yield place, f"{name!r} is not a {kind} of the catalog" + (f"; nearest: {', '.join(close)}" if close else "")
