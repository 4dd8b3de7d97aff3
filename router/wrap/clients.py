"""Which client is which, and how each is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from router.transport import RoutedTransport
from router.wrap import frameworks, genai, stainless
from router.wrap.kinds import is_a

Twin = Callable[[Any, RoutedTransport], Any]


class Kind(NamedTuple):
    """A row of the table: which clients it is for, as `is_a` asks, and their twins."""

    module: str
    name: str
    twin: Twin | None
    instead: str = ""


def _framework(twin: Callable[[Any, frameworks.Wrap], Any]) -> Twin:
    return lambda client, transport: twin(client, partial(wrap, transport=transport))


_TRANSPORT = "make the client with transport=router.transport()"
_CALL = "call it inside router.call(lambda to: ..., model=...), which says for each attempt where to send"

# The first row that holds. Without a twin: what to write instead.
KINDS: tuple[Kind, ...] = (
    Kind("anthropic", "AnthropicVertex", stainless.wrap_anthropic),
    Kind("anthropic", "AsyncAnthropicVertex", stainless.wrap_anthropic),
    Kind("anthropic", "", None, "only AnthropicVertex and AsyncAnthropicVertex speak to Vertex AI"),
    Kind("openai", "OpenAI", stainless.wrap_openai),
    Kind("openai", "AsyncOpenAI", stainless.wrap_openai),
    Kind("google.genai.client", "Client", genai.wrap),
    Kind("google.genai.client", "AsyncClient", None, "wrap the google.genai.Client that it is the `aio` of"),
    Kind("langchain_google_genai", "", _framework(frameworks.langchain)),
    Kind("langchain_google_vertexai", "ChatAnthropicVertex", _framework(frameworks.langchain)),
    Kind(
        "langchain_google_vertexai",
        "",
        None,
        "use ChatGoogleGenerativeAI(vertexai=True, ...) of langchain-google-genai, which can be wrapped",
    ),
    Kind("llama_index.llms.google_genai", "", _framework(frameworks.llama_index)),
    Kind("llama_index.embeddings.google_genai", "", _framework(frameworks.llama_index)),
    Kind("pydantic_ai", "Provider", _framework(frameworks.pydantic_ai_provider)),
    Kind("pydantic_ai", "GoogleModel", _framework(frameworks.pydantic_ai_model)),
    Kind("pydantic_ai", "AnthropicModel", _framework(frameworks.pydantic_ai_model)),
    Kind("pydantic_ai", "OpenAIChatModel", _framework(frameworks.pydantic_ai_model)),
    Kind("pydantic_ai", "", None, "wrap its provider or model and make it with that"),
    Kind("instructor", "", None, "give it a routed client: instructor.from_genai(router.wrap(client))"),
    Kind(
        "litellm",
        "",
        None,
        "give each call a handler: client=HTTPHandler(client=httpx.Client(transport=router.transport())), "
        "or for acompletion client=AsyncHTTPHandler(transport=router.transport())",
    ),
    Kind(
        "mistralai",
        "",
        None,
        "make it with client=router.http_client(httpx2) and async_client=router.async_http_client(httpx2)",
    ),
    Kind("vertexai._genai", "", None, "make it with http_options=router.genai_http_options()"),
    Kind("agentplatform._genai", "", None, "make it with http_options=router.genai_http_options()"),
    Kind("vertexai", "", None, _CALL),
    Kind("google.cloud.aiplatform_v1", "", None, _CALL),
    Kind("google.cloud.aiplatform_v1beta1", "", None, _CALL),
    Kind("grpc", "", None, _CALL),
    Kind("requests", "", None, 'session.mount("https://", router.requests_adapter())'),
    Kind("aiohttp", "", None, "it takes no transport; use httpx.AsyncClient(transport=router.transport())"),
    Kind("httpx", "", None, _TRANSPORT),
    Kind("httpx2", "", None, _TRANSPORT),
)


def wrap(client: Any, transport: RoutedTransport) -> Any:
    """A new client of the same type that sends through `transport`, its own retries switched off.

    Raises:
        TypeError: the client is of an unknown kind, or not one of Vertex AI; says what to write instead.
    """
    kind = next((kind for kind in KINDS if is_a(type(client), kind.module, kind.name)), None)
    if kind is not None and kind.twin is not None:
        return kind.twin(client, transport)
    hint = kind.instead if kind else "if it takes an httpx transport, give it router.transport()"
    raise TypeError(f"can't wrap {type(client).__module__}.{type(client).__qualname__}: {hint}")
