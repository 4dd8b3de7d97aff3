"""Proves, without sending anything, that a client can send only through a router."""

from router.verify.path import Path, UnroutedClient
from router.verify.walk import verify

__all__ = ["Path", "UnroutedClient", "verify"]
