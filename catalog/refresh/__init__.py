"""Reads the publishers' model pages and proposes claims; nothing here changes the catalog.

`pages` makes lines of a page's text, `cards` makes the parts of a model's card of the lines, `facts` is
what the card says in the words of the catalog, `drift` compares it with the catalog, and `patch` writes
what follows from it as TOML for a reviewer. What is not fully understood is told as a `Doubt`, with its
place, and proposes nothing.
"""

from catalog.refresh.drift import compare
from catalog.refresh.pages import Doubt, Page, is_model_page, read_page
from catalog.refresh.patch import FORMS, patch
from catalog.refresh.proposal import Drift, Lifecycle, Proposal, Stranger

__all__ = [
    "FORMS",
    "Doubt",
    "Drift",
    "Lifecycle",
    "Page",
    "Proposal",
    "Stranger",
    "compare",
    "is_model_page",
    "patch",
    "read_page",
]
