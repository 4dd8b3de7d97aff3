"""Where frameworks send: through clients of the SDKs, which they hold as attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from router.verify.path import Look, Path, kind_of

_LANGCHAIN = "client_args=router.client_args() and max_retries=1, or model = router.wrap(model)"
_ANTHROPIC = (
    "http_client=router.http_client(anthropic), async_http_client=router.async_http_client(anthropic) "
    "and max_retries=1, or model = router.wrap(model)"
)
_PYDANTIC_AI = (
    "GoogleCloudProvider(client=router.wrap(client)), or AnthropicProvider(anthropic_client=router.wrap(client))"
)
_LLAMA_INDEX = "GoogleGenAI(..., http_options=router.genai_http_options(), max_retries=0), or llm = router.wrap(llm)"
_INSTRUCTOR = "give instructor a routed client: instructor.from_genai(router.wrap(client))"
_LITELLM = (
    "litellm.completion(..., client=HTTPHandler(client=httpx.Client(transport=router.transport()))), "
    "litellm.acompletion(..., client=AsyncHTTPHandler(transport=router.transport()))"
)
_GRPC = "ChatGoogleGenerativeAI(vertexai=True, ...) of langchain-google-genai, or router.call(...)"


def holder(cure: str, *attributes: str) -> Callable[[Any, Look], Iterator[Path]]:
    """The inspector for a framework's object that holds others in these attributes."""

    def inspect(client: Any, look: Look) -> Iterator[Path]:
        found = list(look.into(client, *attributes))
        if not found:
            yield Path(
                "client", f"{kind_of(client)} makes its client later, so it can't be proven where it sends", cure
            )
        for path in found:
            yield Path(path.name, path.wrong, cure if path.wrong and path.kind != "live" else path.cure)

    return inspect


langchain = holder(_LANGCHAIN, "client")
llama_index = holder(_LLAMA_INDEX, "_client")
instructor = holder(_INSTRUCTOR, "client")
chat_anthropic = holder(_ANTHROPIC, "client", "async_client")
pydantic_ai = holder(_PYDANTIC_AI, "client")
pydantic_ai_wrapper = holder(_PYDANTIC_AI, "wrapped")


def pydantic_ai_agent(client: Any, look: Look) -> Iterator[Path]:
    """An agent of pydantic-ai; a model that it only knows by name is made later."""
    if client.model is None or isinstance(client.model, str):
        yield Path("model", f"{client.model!r} is only a name, whose client is made later", _PYDANTIC_AI)
    else:
        yield from look.into(client, "model")


def pydantic_ai_fallback(client: Any, look: Look) -> Iterator[Path]:
    """Several models of pydantic-ai, tried in order."""
    for index, model in enumerate(client.models):
        yield from (path.under(f"models[{index}]") for path in look.inside(model, look))


def langchain_grpc(client: Any, _: Look) -> Iterator[Path]:
    """The other models of langchain-google-vertexai, which stand on Google's gRPC clients."""
    yield Path("grpc", f"{kind_of(client)} sends through Google's gRPC or REST clients", _GRPC)


def litellm_handler(client: Any, look: Look) -> Iterator[Path]:
    """A handler of litellm; one that has made its HTTP client by itself makes another when that is closed."""
    made, kept = getattr(client, "_owns_client", False), getattr(client, "transport", None)
    if made and (wrong := look.elsewhere(kept)):
        yield Path("client", f"it makes its own HTTP client, and {wrong}", _LITELLM)
        return
    for path in look.into(client, "client"):
        yield Path(path.name, path.wrong, _LITELLM if path.wrong else "")


def litellm_itself(_: Any, __: Look) -> Iterator[Path]:
    """litellm as a module, or its router: they take a client with each call, and heed no other for Vertex AI."""
    yield Path("client", "it makes a client for each call, and does not heed litellm.client_session", _LITELLM)
