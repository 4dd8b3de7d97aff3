"""The values of the catalog, field for field as they stand in `catalog/data/*.toml`.

Two facts are kept apart on purpose, because taking one for the other is how a prompt leaves a
jurisdiction: *availability* (a model answers at a location, in a mode) and *processing* (the
jurisdiction in which the work on a request is guaranteed to stay). Each is a list of claims. A
claim names its source, the place in it, the day it was compared with it, and how far to trust it.
What no claim covers is unknown.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

Kind = Literal["global", "multi_region", "region"]
Mode = Literal["standard", "priority", "flex", "provisioned", "single_zone_provisioned", "batch"]
Confidence = Literal["low", "medium", "high"]
Verdict = Literal["yes", "no", "unknown"]
Task = Literal[
    "text",
    "image",
    "embedding",
    "speech",
    "transcription",
    "live",
    "video",
    "music",
    "omni",
    "document",
    "code",
    "translation",
    "captioning",
    "try-on",
    "choice",
    "count",
]
Service = Literal["aiplatform", "speech", "texttospeech", "translate"]
Ability = Literal["tuning", "rag_corpus", "implicit_caching", "explicit_caching", "batch_of_tuned"]

KINDS: tuple[Kind, ...] = ("global", "multi_region", "region")
MODES: tuple[Mode, ...] = ("standard", "priority", "flex", "provisioned", "single_zone_provisioned", "batch")
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")

NO_BOUNDARY = "none"
"""The boundary of a claim that says processing may happen anywhere."""

UNKNOWN_BOUNDARY = "unknown"
"""The boundary of a claim that says: looked for, not established."""

EVERYWHERE_ELSE = "*"
"""In a claim's `locations`: every location that no other claim of this model names for this mode."""


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value that refuses keys it does not know."""


class Source(_Value, frozen=True, kw_only=True):
    """Where a claim comes from.

    `published` is the date of the content, which for undated pages is the earliest date the
    content allows; `url` is empty where a source has none.
    """

    id: str
    title: str
    url: str = ""
    published: date
    retrieved: date
    language: str = "en"
    note: str = ""


class Jurisdiction(_Value, frozen=True, kw_only=True):
    """A named set of countries (ISO 3166-1 alpha-2, lower case).

    Single countries need no entry: every country of a location or of a named set stands for itself.
    """

    id: str
    name: str
    countries: tuple[str, ...]
    note: str = ""


class Location(_Value, frozen=True, kw_only=True):
    """A place to which a request can be addressed.

    `jurisdiction` is where the endpoint stands: a country, or a named set for a multi-region;
    absent for `global`, which stands nowhere in particular. `private_host` is the host by which a
    project reaches it instead, if its overlay names one.
    """

    id: str
    kind: Kind
    name: str
    host: str
    jurisdiction: str | None = None
    serves_models: bool = True
    private_host: str = ""
    source: str
    note: str = ""

    @property
    def endpoint(self) -> str:
        """The host that requests go to."""
        return self.private_host or self.host

    @property
    def mtls_host(self) -> str:
        """The host that takes certificate-bound tokens; empty for a multi-region, which publishes none.

        Source: google-genai 3.4, which keeps these hosts as they are when it is given a certificate.
        """
        return "" if self.kind == "multi_region" else self.host.replace(".googleapis.com", ".mtls.googleapis.com")


class Claim(_Value, frozen=True, kw_only=True):
    """One dated, sourced statement. Holds from `since` (inclusive) to `until` (exclusive).

    In TOML `since` is written `from`. `where` is the place within the source.
    """

    since: date = msgspec.field(name="from")
    until: date | None = None
    source: str
    where: str
    checked: date
    confidence: Confidence = "high"
    note: str = ""

    def holds(self, on: date) -> bool:
        """Whether the claim speaks of this day."""
        return self.since <= on and (self.until is None or on < self.until)


class Availability(Claim, frozen=True, kw_only=True):
    """A model is served (or is not, or it is expressly unknown) at locations in modes."""

    locations: tuple[str, ...]
    modes: tuple[Mode, ...]
    served: Verdict


class Processing(Claim, frozen=True, kw_only=True):
    """The jurisdiction in which processing stays for requests to these locations.

    `boundary` is a jurisdiction or country id, `none` (may be processed anywhere), or `unknown`.
    The claim covers requests of at most `max_context_tokens`; absent means any size.
    """

    locations: tuple[str, ...]
    boundary: str
    max_context_tokens: int | None = None


class Capability(Claim, frozen=True, kw_only=True):
    """Something that a model can do, or can't, at locations; where unsaid, it is unknown."""

    locations: tuple[str, ...]
    ability: Ability
    available: Verdict


class Quota(Claim, frozen=True, kw_only=True):
    """How use is limited at locations.

    `system` is `lineage` (one bucket for all versions of a lineage, named by `bucket`), `model` (a
    bucket for each model), `fixed` (a fixed limit for the project), or `shared` (no limit of the
    project's own: capacity is shared). The defaults may differ from account to account; absent ones
    are not published.
    """

    locations: tuple[str, ...]
    system: Literal["lineage", "model", "fixed", "shared"]
    bucket: str = ""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None


class Throughput(Claim, frozen=True, kw_only=True):
    """What a unit of provisioned throughput (GSU) is worth.

    `per_second` units of use for each GSU; `burndown` says how many units one token (or character,
    image, ...) of each kind uses up. With `above_context_tokens` it holds for larger contexts only.
    """

    per_second: Decimal
    unit: str = "token"
    burndown: dict[str, Decimal]
    above_context_tokens: int | None = None
    minimum_gsu: int | None = None
    increment_gsu: int | None = None


class Localised(Claim, frozen=True, kw_only=True):
    """Whether what a feature does stays inside the boundary of the model that is asked to use it."""

    stays: Verdict


class Feature(_Value, frozen=True, kw_only=True):
    """Something that a request may ask for beyond the model's own work: a search, a cache, a corpus.

    What no claim covers is not guaranteed to stay where the model's processing stays.
    """

    id: str
    name: str
    localised: tuple[Localised, ...] = ()
    note: str = ""


class Limits(_Value, frozen=True, kw_only=True):
    """How large requests and answers may be; absent is unknown."""

    context_tokens: int | None = None
    output_tokens: int | None = None
    payload_bytes: int | None = None
    streamed_payload_bytes: int | None = None
    note: str = ""
    source: str
    where: str
    checked: date


class Retirement(_Value, frozen=True, kw_only=True):
    """When a model ends.

    `on` is the announced day, `not_before` a day before which it will not happen. `confirmed` says
    that the model was seen gone, or that its publisher's page calls it retired.
    """

    on: date | None = None
    not_before: date | None = None
    confirmed: bool = False
    successor: str = ""
    source: str
    where: str
    note: str = ""

    def passed(self, on: date) -> bool:
        """Whether the announced day has come."""
        return self.on is not None and self.on <= on

    def done(self, on: date) -> bool:
        """Whether the model is gone: its day has come, and that it went is confirmed."""
        return self.confirmed and self.passed(on)

    @property
    def then(self) -> str:
        """The successor, as the end of a sentence; empty when none is named."""
        return f"; successor: {self.successor}" if self.successor else ""


class DataSharing(_Value, frozen=True, kw_only=True):
    """Terms under which prompts or responses reach someone besides Google."""

    terms: str
    source: str
    where: str


class Model(_Value, frozen=True, kw_only=True):
    """A model, its names, its life, and the claims about it.

    `aliases` are its other ids, and the names by which price lists call it. `service` is the API that
    serves it, if not Vertex AI's own; the hosts of the others are not in the catalog.
    """

    id: str
    name: str
    publisher: str
    family: str
    task: Task
    aliases: tuple[str, ...] = ()
    service: Service = "aiplatform"
    methods: tuple[str, ...]
    stage: Literal["ga", "preview", "experimental"]
    released: date | None = None
    limits: Limits | None = None
    retirement: Retirement | None = None
    data_sharing: DataSharing | None = None
    availability: tuple[Availability, ...] = ()
    processing: tuple[Processing, ...] = ()
    capability: tuple[Capability, ...] = ()
    quota: tuple[Quota, ...] = ()
    throughput: tuple[Throughput, ...] = ()
    note: str = ""
