"""Region-aware routing and failover for Vertex AI that keeps data residency.

from router import Policy, Router

router = Router(Policy(residency="eu"))
client = router.wrap(AnthropicVertex(project_id="p", region="eu"))
"""

from router.auth import CredentialError, GoogleAuth
from router.errors import (
    Exhausted,
    GuardStop,
    NoRoute,
    NotSent,
    PolicyError,
    RequestNotUnderstood,
    RouterError,
    StreamBroken,
)
from router.plan import Allowed, Alternative, Candidate, Plan, Refused
from router.policy import Policy
from router.router import Router
from router.signals import Signal
from router.trace import Trace, Tried
from router.transport import RoutedTransport

__all__ = [
    "Allowed",
    "Alternative",
    "Candidate",
    "CredentialError",
    "Exhausted",
    "GoogleAuth",
    "GuardStop",
    "NoRoute",
    "NotSent",
    "Plan",
    "Policy",
    "PolicyError",
    "Refused",
    "RequestNotUnderstood",
    "RoutedTransport",
    "Router",
    "RouterError",
    "Signal",
    "StreamBroken",
    "Trace",
    "Tried",
]
