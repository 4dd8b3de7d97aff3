"""Measures which models answer at which locations for one project, inside a policy.

The way in is `agenda_of`, which says what a policy lets be asked, and `Survey`, which asks it; `compared`
puts the findings beside the catalog's claims, a `Record` keeps them. docs/probe.md tells the rest.
"""

from router.probe.agenda import Agenda, Skipped, agenda_of
from router.probe.calls import Call, NoCall, Pair, call_for
from router.probe.claims import Record, RecordError, source_of
from router.probe.report import Compared, Drift, Report, compared
from router.probe.run import Listener, Survey
from router.probe.verdict import Answer, Finding, Outcome, finding

__all__ = [
    "Agenda",
    "Answer",
    "Call",
    "Compared",
    "Drift",
    "Finding",
    "Listener",
    "NoCall",
    "Outcome",
    "Pair",
    "Record",
    "RecordError",
    "Report",
    "Skipped",
    "Survey",
    "agenda_of",
    "call_for",
    "compared",
    "finding",
    "source_of",
]
