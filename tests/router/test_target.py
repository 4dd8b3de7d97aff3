"""Which requests are understood, and what is read out of them; the vectors are in `tests/vectors/targets.toml`."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from router.endpoints import address
from router.streams import Dialect
from router.target import Incoming, NotUnderstood, Target, _remembered, parse
from tests.router.support import each, each_stack, unexplained, vectors

UNDERSTOOD = vectors("targets.toml", "understood")
NOT_UNDERSTOOD = vectors("targets.toml", "not_understood")
LOCATIONS = catalog.load().locations
HOSTS = {location.host for location in LOCATIONS.values()}

USUAL = {
    "project": "my-project",
    "publisher": "google",
    "dialect": "gemini",
    "mode": "standard",
    "counted": "",
    "resource": "",
    "asks": "",
    "repeatable": True,
    "mtls": False,
    "own_host": "",
}
MODEL_PATH = "/v1/projects/my-project/locations/eu/publishers/google/models/gemini-3.8-flash:generateContent"
CHAT_PATH = "/v1/projects/my-project/locations/eu/endpoints/openapi/chat/completions"


def ask(url: str, *, verb: str = "POST", **more: Any) -> Target | NotUnderstood:
    """Reads a request whose URL is taken letter by letter, without a URL library's opinion."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, _, port = authority.partition(":")
    given = {"headers": {}, "body": b"", **more}
    return parse(Incoming(verb, scheme, host, int(port) if port else None, slash + path, **given))


def asked(vector: dict[str, Any]) -> Target | NotUnderstood:
    body = vector["body"].encode() if "body" in vector else None
    return ask(vector["url"], verb=vector.get("verb", "POST"), headers=vector.get("headers", {}), body=body)


def fields(target: Target | NotUnderstood) -> dict[str, Any]:
    """All of a target but the pieces of its path, which addresses show."""
    assert isinstance(target, Target), target
    told = msgspec.structs.asdict(target)
    del told["before"], told["after"]
    return {**told, "dialect": str(target.dialect)}


@pytest.mark.parametrize("entries", [UNDERSTOOD, NOT_UNDERSTOOD], ids=["understood", "not"])
def test_every_vector_says_what_it_is_and_where_it_comes_from(entries: list[dict[str, Any]]) -> None:
    assert unexplained(entries) == []


@each(UNDERSTOOD)
def test_a_known_shape_is_understood(vector: dict[str, Any]) -> None:
    assert fields(asked(vector)) == {**USUAL, **vector["target"]}


@each_stack
@each(UNDERSTOOD)
def test_it_is_understood_as_a_stack_sends_it(vector: dict[str, Any], module: ModuleType) -> None:
    verb, body = vector.get("verb", "POST"), vector.get("body", "{}")
    request = module.Request(verb, vector["url"], headers=vector.get("headers"), content=body)
    url = request.url
    path = url.raw_path.decode("ascii")
    target = parse(Incoming(request.method, url.scheme, url.host, url.port, path, request.headers, request.content))
    assert target == asked({"body": "{}", **vector})


@each(NOT_UNDERSTOOD)
def test_everything_else_is_not_understood_and_the_reason_says_why(vector: dict[str, Any]) -> None:
    answer = asked(vector)
    assert isinstance(answer, NotUnderstood), answer
    assert vector["reason"] in answer.reason


@each(NOT_UNDERSTOOD)
def test_a_reason_tells_no_key(vector: dict[str, Any]) -> None:
    answer = asked({**vector, "url": vector["url"].partition("?")[0] + "?key=SECRET"})
    assert isinstance(answer, NotUnderstood)
    assert "SECRET" not in answer.reason


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"[" * 100_000, b'{"model": "another"}'], ids=range(5))
def test_a_model_in_the_path_needs_no_body(body: bytes | None) -> None:
    assert (
        fields(ask(f"https://aiplatform.eu.rep.googleapis.com{MODEL_PATH}", body=body))["model"] == "gemini-3.8-flash"
    )


@pytest.mark.parametrize("body", [b"\xff", b'{"model":"google/\xff"}', b"[" * 100_000, b'"google/m"', b"null"])
def test_no_body_whatsoever_makes_reading_fail(body: bytes) -> None:
    assert isinstance(ask(f"https://aiplatform.eu.rep.googleapis.com{CHAT_PATH}", body=body), NotUnderstood)


EU = "https://aiplatform.eu.rep.googleapis.com"


def why_not(url: str, **more: Any) -> str:
    answer = ask(url, **more)
    assert isinstance(answer, NotUnderstood), answer
    return answer.reason


@pytest.mark.parametrize(
    "query",
    [
        "alt=proto",
        "$alt=proto",
        "x=1&alt=proto",
        "%24alt=proto",
        "httpMethod=GET",
        "$httpBody=1",
        "req=1",
        "callback=f",
    ],
)
def test_a_query_that_changes_what_is_asked_is_not_understood(query: str) -> None:
    """The service may take the method or the form from there, and then answers another question."""
    assert why_not(f"{EU}{MODEL_PATH}?{query}") == "the query changes the form or the method of the request"


@pytest.mark.parametrize("query", ["alt=json", "alt=sse", "alt=media", "alt=", "x=1", "alternative=proto", "xreq=1"])
def test_any_other_query_is_sent_as_it_is(query: str) -> None:
    target = ask(f"{EU}{MODEL_PATH}?{query}")
    assert isinstance(target, Target)
    assert target.after.endswith(f":generateContent?{query}")


def test_an_address_without_a_query_gets_none() -> None:
    target = ask(f"{EU}{MODEL_PATH}")
    assert isinstance(target, Target)
    assert target.after == "/publishers/google/models/gemini-3.8-flash:generateContent"


@pytest.mark.parametrize("name", ["access_token", "oauth_token", "bearer_token"])
def test_a_token_in_an_address_is_told_to_belong_in_a_header(name: str) -> None:
    reason = "a token stands in the address, where it would be logged; send it as a header"
    assert why_not(f"{EU}{MODEL_PATH}?x=1&{name}=SECRET") == reason


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
def test_a_header_that_replaces_the_method_is_told_to(name: str) -> None:
    reason = "a header replaces the method of the request; send it with the method that is meant"
    assert why_not(f"{EU}{MODEL_PATH}", headers={name: "GET"}) == reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "/v1/publishers/google/models/gemini-3.8-flash:generateContent",
            "express mode: the path names no project and no location, so the service chooses where to process; "
            "give the client a project and a location instead of an API key",
        ),
        (
            "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
            "a Live session, which is no request but a connection; `Router.live` tells where it may be opened",
        ),
        (MODEL_PATH.replace("gemini-", "gemini%2F"), "the path does not hold a model id"),
        ("/v1/projects/p/models/m:predict", "the path names no location"),
    ],
)
def test_a_path_that_is_known_and_not_routed_is_told_what_to_do_instead(path: str, reason: str) -> None:
    assert why_not(f"{EU}{path}") == reason


def test_an_endpoints_own_host_is_for_that_endpoint_in_that_region() -> None:
    host, path = "1.us-central1-2.prediction.vertexai.goog", "/v1/projects/my-project/locations/{}/endpoints/1:predict"
    assert isinstance(ask(f"https://{host}{path.format('us-central1')}"), Target)
    assert why_not(f"https://{host}{path.format('europe-west4')}") == (
        f"{host} is in us-central1, and the path names europe-west4"
    )
    assert why_not(f"https://{host}{MODEL_PATH.replace('/eu/', '/us-central1/')}") == (
        f"{host} is an endpoint's own host, and the path is not that of an endpoint"
    )


def test_a_private_host_is_understood_only_where_it_is_known() -> None:
    request = Incoming("POST", "https", "eu.internal.example", None, MODEL_PATH, {}, b"")
    assert isinstance(parse(request), NotUnderstood)
    assert isinstance(parse(request, {"eu.internal.example"}), Target)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ('{"model":"google/m","messages":[{"content":"\\"model\\""},{"model":"x"},{"model":"y","z":1}]}', "m"),
        ('{"messages":[{"model":"x"}],"model":"google/m"}', "m"),
        ('{"model":"google/m","model":"google/n"}', ""),
        ('{"model":"google/m","x":{"model":1},"model":"google/m"}', ""),
        ('{"x":{"model":1,"model":2},"model":"google/m"}', "m"),
    ],
)
def test_a_body_that_names_two_models_is_not_understood_but_the_word_may_stand_elsewhere(body: str, model: str) -> None:
    """Of a key that stands twice the service may take the other one than is judged here."""
    answer = ask(f"{EU}{CHAT_PATH}", body=body.encode())
    if model:
        assert fields(answer)["model"] == model
    else:
        assert answer == NotUnderstood("the body names its `model` more than once")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "the model stands in the body, which can be sent only once and so not be read"),
        (b"model=google/m", "the body is not JSON with a `model`"),
        (b'{"model":"m"}', "the body's `model` is not of the form publisher/model"),
    ],
)
def test_a_body_without_a_model_is_told_so(body: bytes | None, reason: str) -> None:
    assert why_not(f"{EU}{CHAT_PATH}", body=body) == reason


@pytest.mark.parametrize(("named", "publisher"), [("gpt-oss", "openai"), ("qwen/gpt-oss", "qwen")])
def test_where_the_path_names_openai_the_body_may_name_a_publisher_or_not(named: str, publisher: str) -> None:
    path = "/v1/projects/my-project/locations/eu/publishers/openai/v1/responses"
    told = fields(ask(f"{EU}{path}", body=msgspec.json.encode({"model": named})))
    assert (told["publisher"], told["model"], told["method"]) == (publisher, "gpt-oss", "responses")


@each_stack
def test_headers_are_read_in_any_case_of_their_names(module: ModuleType) -> None:
    headers = module.Headers({"X-Vertex-AI-LLM-Request-Type": "dedicated"})
    assert fields(ask(f"https://aiplatform.googleapis.com{MODEL_PATH}", headers=headers))["mode"] == "provisioned"


# Laws

FRAGMENTS = [
    *("/", "//", "\\", "..", "../..", "%2f", "%2F", "%2e%2e", "%252f", "%40", "%00", "%0a", "%zz", "%", "@", ":", ";"),
    *(
        "?",
        "#",
        "&",
        " ",
        "\n",
        "\r\n",
        "\0",
        "é",
        "\u2024",
        "\uff0f",
        "evil.example",
        "https://evil.example/",
        ".",
        "-",
        "_",
    ),
    *("locations", "/locations/us/", "eu", "us", "global", "europe-west4", "publishers", "openapi", "my-project", "v1"),
    *("gemini-3.8-flash", "claude-sonnet-4-5@20250929", "generateContent", ":generateContent", "EU", "1", "a"),
]
parts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), min_size=1, max_size=4).map("".join)
names = st.sampled_from(["eu", "my-project", "gemini-3.8-flash", "claude-sonnet-4-5%4020250929"]) | parts


def assert_one_address_everywhere(target: Target) -> None:
    """Host and path are those of a catalogued location, and nothing that was put in has added a segment."""
    for location in LOCATIONS.values():
        to = address(target, location)
        assert to.host == location.host
        assert to.host in HOSTS
        path, question, _ = to.raw_path.partition("?")
        segments = path.split("/")
        version, publisher, last = segments[1], segments[7], segments[9]
        assert version in ("v1", "v1beta1")
        expected = [
            "",
            version,
            "projects",
            target.project,
            "locations",
            location.id,
            "publishers",
            publisher,
            "models",
        ]
        assert segments == [*expected, last]
        assert unquote(last) == f"{target.model}:{target.method}"
        assert not {".", "..", ""} & set(map(unquote, segments[1:]))
        assert f"{target.before}{target.location}{target.after}".partition("?")[1] == question


@given(project=names, location=names, model=names)
def test_no_text_put_into_a_path_changes_the_host_or_adds_a_segment(project: str, location: str, model: str) -> None:
    url = (
        "https://europe-west4-aiplatform.googleapis.com/v1/"
        f"projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent"
    )
    target = ask(url)
    if isinstance(target, Target):
        assert_one_address_everywhere(target)


@given(location=parts, prefix=parts, model=parts)
def test_no_text_put_into_a_host_or_a_body_changes_the_host(location: str, prefix: str, model: str) -> None:
    body = msgspec.json.encode({"model": f"google/{model}"})
    target = ask(f"https://{prefix.replace(':', '')}-aiplatform.googleapis.com{CHAT_PATH}?x={location}", body=body)
    if isinstance(target, Target):
        assert "/" not in target.model
        for place in LOCATIONS.values():
            to = address(target, place)
            assert to.host == place.host
            assert to.raw_path == CHAT_PATH.replace("/eu/", f"/{place.id}/") + f"?x={location}"


@given(st.text(max_size=80))
def test_no_path_whatsoever_makes_reading_fail(path: str) -> None:
    answer = ask(f"https://aiplatform.googleapis.com/{path}")
    assert isinstance(answer, NotUnderstood)
    assert answer.reason


@given(st.sampled_from(["x-vertex-ai-llm-request-type", "x-vertex-ai-llm-shared-request-type"]), st.text(max_size=12))
def test_a_mode_is_known_or_the_request_is_not_understood(name: str, value: str) -> None:
    answer = ask(f"https://aiplatform.googleapis.com{MODEL_PATH}", headers={name: value})
    known = (
        {"", "shared", "dedicated"} if name == "x-vertex-ai-llm-request-type" else {"", "priority", "flex", "standard"}
    )
    assert isinstance(answer, Target) == (value.strip().lower() in known)


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        (f"https://aiplatform.googleapis.com{MODEL_PATH}", Dialect.GEMINI),
        (f"https://aiplatform.googleapis.com{CHAT_PATH}", Dialect.OPENAI),
    ],
)
def test_the_dialect_is_that_of_the_endpoint_not_of_the_model(url: str, dialect: Dialect) -> None:
    target = ask(url, body=b'{"model":"google/gemini-3.8-flash"}')
    assert isinstance(target, Target)
    assert (target.model, target.dialect) == ("gemini-3.8-flash", dialect)


def test_a_host_is_understood_by_the_catalog_that_names_it_and_by_no_other() -> None:
    """In any order: what was understood before is remembered."""
    asked = Incoming("POST", "https", "vertex.p.example.net", None, MODEL_PATH, {}, b"{}")
    for hosts in ((), ("vertex.p.example.net",), ("other.example.net",), (), ("vertex.p.example.net",)):
        assert isinstance(parse(asked, hosts), Target) == (asked.host in hosts)


def test_the_model_is_that_of_this_body() -> None:
    url = f"https://aiplatform.eu.rep.googleapis.com{CHAT_PATH}"
    for model in ("a", "b", "a"):
        assert fields(ask(url, body=f'{{"model": "google/{model}"}}'.encode()))["model"] == model


def test_an_address_with_more_of_a_query_than_clients_put_there_is_not_remembered() -> None:
    """It may hold a credential."""
    held = _remembered.cache_info().misses
    ask(f"https://aiplatform.eu.rep.googleapis.com{MODEL_PATH}?access_token=SECRET")
    assert _remembered.cache_info().misses == held
