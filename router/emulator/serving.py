"""Whether a model is served where a request asks for it: the catalog's answer, with a scenario's departures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from catalog import Catalog, Model, UnknownModel
from catalog.schema import Mode
from router.emulator.paths import Call
from router.emulator.scenario import Serving
from router.emulator.wording import Subject

_ON_DEMAND: tuple[Mode, ...] = ("standard", "priority", "flex")
_RESERVED: tuple[Mode, ...] = ("provisioned", "single_zone_provisioned")
_TRAFFIC = {"priority": "ON_DEMAND_PRIORITY", "flex": "ON_DEMAND_FLEX"}

_LINEAGE_SINCE = date(2026, 5, 26)
"""Claude models released from this day on share one quota per lineage, except in single regions."""


class NotServed(Exception):
    """A model isn't served here; `body` names the error body that says so."""

    def __init__(self, body: str) -> None:
        self.body = body
        super().__init__(body)


class Servings:
    """Knows which model is served where on one day."""

    def __init__(self, catalog: Catalog, departures: Iterable[Serving], on: date) -> None:
        self._catalog = catalog
        self._on = on
        self._departures = {
            (self.resolve(each.model), location): each.served for each in departures for location in each.locations
        }
        self._added = {self.resolve(each.model): each.publisher for each in departures}

    def resolve(self, model: str) -> str:
        """The one id of a model, from an id or alias; unknown names stand for themselves."""
        found = self._model(model)
        return found.id if found else model

    def traffic(self, call: Call, header: Callable[[str], str]) -> str:
        """By which kind of capacity a request is served: a `trafficType`.

        Args:
            header: gives the value of a header of the request, empty when it is absent.

        Raises:
            NotServed: it isn't.
        """
        self._known(call)
        dedicated = header("x-vertex-ai-llm-request-type").lower() == "dedicated"
        if not (self._served(call, _ON_DEMAND) or (dedicated and self._served(call, _RESERVED))):
            raise NotServed("not_found" if call.publisher == "google" else "not_servable")
        if dedicated:
            return self._reserved(call)
        wanted = header("x-vertex-ai-llm-shared-request-type").lower()
        mode: Mode | None = next((each for each in _ON_DEMAND if each == wanted), None)
        return _TRAFFIC.get(wanted, "ON_DEMAND") if mode and self._served(call, (mode,)) else "ON_DEMAND"

    def takes(self, call: Call) -> bool:
        """Whether the model has the method; of models outside the catalog that isn't known, so yes."""
        found = self._model(call.model)
        return found is None or call.method in found.methods

    def task(self, model: str) -> str:
        """What a model is for, e.g. `text` or `image`."""
        found = self._model(model)
        return found.task if found else "text"

    def subject(self, call: Call) -> Subject:
        """What an error about this call speaks of."""
        return Subject(
            project=call.project,
            location=call.location,
            publisher=call.publisher,
            model=call.model,
            base_model=self._base_model(call),
        )

    def _known(self, call: Call) -> None:
        found = self._model(call.model)
        publishers = {found.publisher} if found else set()
        if call.publisher not in publishers | {self._added.get(self.resolve(call.model))}:
            raise NotServed("not_found")

    def _reserved(self, call: Call) -> str:
        if not self._served(call, _RESERVED):
            raise NotServed("provisioned_exceeded")
        return "PROVISIONED_THROUGHPUT"

    def _served(self, call: Call, modes: Iterable[Mode]) -> bool:
        departure = self._departures.get((self.resolve(call.model), call.location))
        if departure is not None:
            return departure
        if self._model(call.model) is None:
            return False
        served = self._catalog.served
        return any(served(call.model, call.location, mode, self._on).verdict == "yes" for mode in modes)

    def _model(self, name: str) -> Model | None:
        try:
            return self._catalog.model(name)
        except UnknownModel:
            return None

    def _base_model(self, call: Call) -> str:
        found = self._model(call.model)
        if found is None or found.publisher != "anthropic" or not found.released:
            return self.resolve(call.model)
        shared = found.released >= _LINEAGE_SINCE and call.location in ("global", "us", "eu")
        return f"anthropic-{found.family}" if shared else found.id
