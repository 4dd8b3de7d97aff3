"""A file of requests, answered: every row ends in exactly one result or one recorded error.

The way in is `Router.batch`, or `vertex-router batch`. docs/batch.md tells the rest.
"""

from router.batch.job import Batch
from router.batch.journal import JournalError
from router.batch.outcome import Outcome, State
from router.batch.run import Ended
from router.batch.settings import BatchError, Settings
from router.batch.summary import Summary

__all__ = [
    "Batch",
    "BatchError",
    "Ended",
    "JournalError",
    "Outcome",
    "Settings",
    "State",
    "Summary",
]
