"""Gives existing SDK clients a routed twin: a new client of the same type that sends through a router.

No SDK is imported here: the client that is given has brought its own.
"""

from router.wrap import genai
from router.wrap.clients import wrap

__all__ = ["genai", "wrap"]
