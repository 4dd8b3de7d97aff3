"""The ways in which a client can send, and the error that names those which go past the router."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from catalog.query import Catalog
from router.adapter import RoutedAdapter
from router.errors import RouterError
from router.scope import Scopes
from router.transport import RoutedTransport
from router.wrap.live import LiveDoor


class Path(msgspec.Struct, frozen=True):
    """One way in which a client can send.

    `name` is made of the attributes that lead to it, as `client.async`. `wrong` says where it ends, and is
    empty when that is the router; `cure` what to write instead.
    """

    name: str
    wrong: str = ""
    cure: str = ""

    @property
    def kind(self) -> str:
        """The last part of the name: `sync`, `async`, `live`, `grpc`, ..."""
        return self.name.rpartition(".")[2]

    def under(self, attribute: str) -> Path:
        """The path as it is named from the client that has this one as an attribute."""
        return msgspec.structs.replace(self, name=f"{attribute.lstrip('_')}.{self.name}")


class UnroutedClient(RouterError):
    """A client can send past the router. `paths` are its ways that do not end there. Nothing was sent."""

    def __init__(self, client: str, paths: Sequence[Path]) -> None:
        super().__init__(client, tuple(paths))
        self.client = client
        self.paths = tuple(paths)

    def __str__(self) -> str:
        lines = [f"{self.client} can send past the router:"]
        for path in self.paths:
            lines += [f"  {path.name}: {path.wrong}", f"    instead: {path.cure}"]
        return "\n".join(lines)


class Look(msgspec.Struct, frozen=True):
    """What an inspector is given: the router's own, and how to look at a client inside a client."""

    scopes: Scopes
    inside: Callable[[Any, Look], Iterator[Path]]

    @property
    def catalog(self) -> Catalog:
        """Whose locations a client may reach."""
        return self.scopes.core().catalog

    def into(self, client: Any, *attributes: str) -> Iterator[Path]:
        """The paths of the clients that these attributes of a client hold."""
        for name in attributes:
            inner = getattr(client, name, None)
            if inner is not None:
                yield from (path.under(name) for path in self.inside(inner, self))

    def elsewhere(self, ending: Any) -> str:
        """Where a transport or adapter sends, if it is not this router's; empty if it is."""
        if type(ending) not in (RoutedTransport, RoutedAdapter):
            return f"it ends in {kind_of(ending)}"
        if ending.scopes is not self.scopes:
            return f"it ends in another router, whose policy is: {ending.scopes.core().policy.summary}"
        return ""

    def live(self, door: Any) -> str:
        """Why a Live session would not be checked, if it would not."""
        if type(door) is not LiveDoor:
            return "no HTTP transport carries it"
        return "" if door.scopes is self.scopes else "it is checked by another router"


def kind_of(thing: Any) -> str:
    """The full name of a thing's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
