"""Where a function that makes a call with a client of its own is to send it."""

from __future__ import annotations

import msgspec

from catalog.schema import Mode
from router.plan import Candidate
from router.trace import Trace


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt's place, in the words that clients use.

    `host` (and the same as `api_endpoint`, the name of Google's clients) is a host without scheme and
    port; `headers` must go with the request, since they are part of what was allowed; the call has
    `timeout_s` seconds. `number` counts the attempts of this call from 1, `trace` tells of those before.
    """

    candidate: Candidate
    publisher: str
    project: str
    host: str
    headers: dict[str, str]
    timeout_s: float
    number: int
    trace: Trace

    @property
    def location(self) -> str:
        """The location, which path and host both must name."""
        return self.candidate.location

    @property
    def model(self) -> str:
        """The model's id."""
        return self.candidate.model

    @property
    def mode(self) -> Mode:
        """How capacity is bought."""
        return self.candidate.mode

    @property
    def api_endpoint(self) -> str:
        """The host, as `client_options` of Google's clients and `vertexai.init` call it."""
        return self.host

    @property
    def base_url(self) -> str:
        """The address of the service, without a path."""
        return f"https://{self.host}/"

    @property
    def parent(self) -> str:
        """`projects/PROJECT/locations/LOCATION`.

        Raises:
            ValueError: the call was made without a project.
        """
        if not self.project:
            raise ValueError("the call names no project; give it project=")
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def model_name(self) -> str:
        """`projects/PROJECT/locations/LOCATION/publishers/PUBLISHER/models/MODEL`.

        Raises:
            ValueError: the call was made without a project.
        """
        return f"{self.parent}/publishers/{self.publisher}/models/{self.model}"
