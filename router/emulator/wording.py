"""What the error answers of Vertex AI say, word for word where that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_DOCS = "https://cloud.google.com/vertex-ai/generative-ai/docs"
_CONSOLE = "https://console.developers.google.com/apis/api/aiplatform.googleapis.com/overview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an error speaks of; `base_model` is the name under which quota is counted."""

    project: str
    location: str
    publisher: str = ""
    model: str = ""
    base_model: str = ""

    @property
    def resource(self) -> str:
        """The model's full name."""
        return f"projects/{self.project}/locations/{self.location}/publishers/{self.publisher}/models/{self.model}"

    @property
    def scope(self) -> str:
        """How the names of quota metrics begin at this kind of location."""
        return {"global": "global_", "us": "us_multi_region_", "eu": "eu_multi_region_"}.get(self.location, "")

    def fill(self, text: str) -> str:
        """`text` with this subject's fields in their places."""
        fields = ("project", "location", "publisher", "model", "base_model", "resource", "scope")
        for name in fields:
            text = text.replace(f"<{name}>", getattr(self, name))
        return text


STATUS_WORDS: Mapping[int, str] = {
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
}
"""Google's word for statuses that have no body of their own below."""

GOOGLE: Mapping[str, tuple[int, str, str]] = {
    "resource_exhausted": (
        429,
        "RESOURCE_EXHAUSTED",
        f"Resource exhausted. Please try again later. Please refer to {_DOCS}/error-code-429 for more details.",
    ),
    "out_of_capacity": (
        429,
        "RESOURCE_EXHAUSTED",
        "Unable to submit request because the service is temporarily out of capacity. Try again later.",
    ),
    "claude_quota": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/<scope>online_prediction_input_tokens_per_minute_per_base_model "
        "with base model: <base_model>. Please submit a quota increase request. "
        f"{_DOCS}/quotas",
    ),
    "request_quota": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/<scope>online_prediction_requests_per_base_model "
        f"with base model: <base_model>. Please submit a quota increase request. {_DOCS}/quotas",
    ),
    "provisioned_exceeded": (
        429,
        "RESOURCE_EXHAUSTED",
        "Too many requests. Exceeded the Provisioned Throughput.",
    ),
    "invalid_argument": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "not_servable": (
        400,
        "FAILED_PRECONDITION",
        "Publisher Model `<resource>` is not servable in region <location>.",
    ),
    "not_allowed": (
        400,
        "FAILED_PRECONDITION",
        "Project `<project>` is not allowed to use Publisher Model `<resource>`",
    ),
    "org_policy_location": (
        400,
        "FAILED_PRECONDITION",
        "The request has violated one or more Org Policies. "
        "Please refer to the respective violations for more information.",
    ),
    "org_policy_model": (
        400,
        "FAILED_PRECONDITION",
        "Organization Policy constraint constraints/vertexai.allowedModels violated for `projects/<project>` "
        "attempting to use a disallowed Gen AI model <model>.",
    ),
    "caller_country": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "host_mismatch": (400, "INVALID_ARGUMENT", "The provided location ID doesn't match the endpoint"),
    "thought_signature": (
        400,
        "INVALID_ARGUMENT",
        "Unable to submit request because Thought signature is not valid..",
    ),
    "invalid_token": (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    ),
    "missing_token": (
        401,
        "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    ),
    "api_key_refused": (
        401,
        "UNAUTHENTICATED",
        "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
        "that assert a principal. See https://cloud.google.com/docs/authentication",
    ),
    "service_disabled": (
        403,
        "PERMISSION_DENIED",
        "Agent Platform API has not been used in project <project> before or it is disabled. "
        f"Enable it by visiting {_CONSOLE}?project=<project> then retry.",
    ),
    "service_controls": (
        403,
        "PERMISSION_DENIED",
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: emulated",
    ),
    "not_found": (
        404,
        "NOT_FOUND",
        "Publisher Model `<resource>` was not found or your project does not have access to it. Ensure you are using "
        "a valid model name and that the model is available in the specified region. "
        f"For more information, see: {_DOCS}/learn/model-versions",
    ),
    "internal": (500, "INTERNAL", "Internal error encountered."),
    "unavailable": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "deadline_exceeded": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
"""Google's errors: status, its word, and the message, with fields of the subject in `<>`."""

ANTHROPIC: Mapping[str, tuple[int, str, str]] = {
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rate_limited": (429, "rate_limit_error", "This request would exceed the rate limit. Please try again later."),
    "prompt_too_long": (413, "invalid_request_error", "Prompt is too long"),
    "api_error": (500, "api_error", "Internal server error"),
}
"""Errors of Anthropic's backend: status, type and message."""

HTML: Mapping[str, tuple[int, str, str]] = {
    "page_not_found": (404, "Not Found", "The requested URL was not found on this server."),
    "bad_gateway": (
        502,
        "Server Error",
        "The server encountered a temporary error and could not complete your request. Please try again in 30 seconds.",
    ),
}
"""Pages of Google's front end: status, title and text."""


def detail(kind: str, **fields: object) -> Json:
    """One of the `details` of Google's errors."""
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def _service_disabled(about: Subject) -> list[Json]:
    url = f"{_CONSOLE}?project={about.project}"
    metadata = {
        "service": "aiplatform.googleapis.com",
        "serviceTitle": "Agent Platform API",
        "consumer": f"projects/{about.project}",
        "activationUrl": url,
    }
    return [
        detail("ErrorInfo", reason="SERVICE_DISABLED", domain="googleapis.com", metadata=metadata),
        detail("LocalizedMessage", locale="en-US", message=about.fill(GOOGLE["service_disabled"][2])),
        detail("Help", links=[{"description": "Google developers console API activation", "url": url}]),
    ]


def _api_key_refused(_: Subject) -> list[Json]:
    method = "google.cloud.aiplatform.v1beta1.PredictionService.GenerateContent"
    metadata = {"service": "aiplatform.googleapis.com", "method": method}
    return [detail("ErrorInfo", reason="CREDENTIALS_MISSING", domain="googleapis.com", metadata=metadata)]


def _org_policy_location(about: Subject) -> list[Json]:
    violation = {
        "type": "constraints/gcp.resourceLocations",
        "subject": f"orgpolicy:projects/{about.project}",
        "description": f"Constraint constraints/gcp.resourceLocations violated for location {about.location}.",
    }
    return [detail("PreconditionFailure", violations=[violation])]


def _not_allowed(about: Subject) -> list[Json]:
    message = about.fill(GOOGLE["not_allowed"][2])
    return [detail("DebugInfo", detail=f"[ORIGINAL ERROR] generic::failed_precondition: {message}")]


DETAILS: Mapping[str, Callable[[Subject], list[Json]]] = {
    "service_disabled": _service_disabled,
    "api_key_refused": _api_key_refused,
    "org_policy_location": _org_policy_location,
    "not_allowed": _not_allowed,
}
"""What some of Google's errors carry besides their message."""
