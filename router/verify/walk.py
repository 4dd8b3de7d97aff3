"""Which client is which, and the proof that it ends in the router."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from router.adapter import RoutedAdapter
from router.scope import Scopes
from router.transport import RoutedTransport
from router.verify import frameworks, sdks, stacks
from router.verify.path import Look, Path, UnroutedClient, kind_of
from router.wrap.kinds import is_a

Inspect = Callable[[Any, Look], Iterator[Path]]


class Kind(NamedTuple):
    """A row of the table: which clients it is for, as `is_a` asks, and who knows their paths."""

    module: str
    names: tuple[str, ...]
    inspect: Inspect


def _itself(client: Any, look: Look) -> Iterator[Path]:
    wrong = look.elsewhere(client)
    yield Path("transport", wrong, stacks.TRANSPORT if wrong else "")


# The first row that holds.
KINDS: tuple[Kind, ...] = (
    Kind("router", ("RoutedTransport", "RoutedAdapter"), _itself),
    Kind("httpx", ("Client", "AsyncClient"), stacks.http_client),
    Kind("httpx2", ("Client", "AsyncClient"), stacks.http_client),
    Kind("requests", ("Session",), stacks.session),
    Kind("aiohttp", ("ClientSession",), stacks.aiohttp_session),
    Kind("anthropic", ("SyncAPIClient", "AsyncAPIClient"), sdks.stainless),
    Kind("openai", ("SyncAPIClient", "AsyncAPIClient"), sdks.stainless),
    Kind("google.genai", ("Client", "AsyncClient"), sdks.genai),
    Kind("vertexai._genai", ("Client", "AsyncClient"), sdks.genai),
    Kind("agentplatform._genai", ("Client", "AsyncClient"), sdks.genai),
    Kind("vertexai", ("_GenerativeModel", "GenerativeModel"), sdks.vertexai_model),
    Kind("mistralai", ("MistralGCP", "MistralGoogleCloud"), sdks.mistral),
    Kind("google.cloud.aiplatform_v1", (), sdks.gapic),
    Kind("google.cloud.aiplatform_v1beta1", (), sdks.gapic),
    Kind("grpc", ("Channel",), sdks.channel),
    Kind("langchain_google_vertexai", ("ChatAnthropicVertex",), frameworks.chat_anthropic),
    Kind("langchain_google_vertexai", (), frameworks.langchain_grpc),
    Kind("langchain_google_genai", (), frameworks.langchain),
    Kind("llama_index.llms.google_genai", (), frameworks.llama_index),
    Kind("llama_index.embeddings.google_genai", (), frameworks.llama_index),
    Kind("pydantic_ai", ("Agent",), frameworks.pydantic_ai_agent),
    Kind("pydantic_ai", ("FallbackModel",), frameworks.pydantic_ai_fallback),
    Kind("pydantic_ai", ("WrapperModel",), frameworks.pydantic_ai_wrapper),
    Kind("pydantic_ai", ("Model", "Provider", "EmbeddingModel"), frameworks.pydantic_ai),
    Kind("instructor", (), frameworks.instructor),
    Kind("litellm", ("HTTPHandler", "AsyncHTTPHandler"), frameworks.litellm_handler),
    Kind("litellm", ("Router",), frameworks.litellm_itself),
)


def verify(client: Any, scopes: Scopes, unused: Collection[str] = ()) -> tuple[str, ...]:
    """Proves that each path of a client ends in the router of these scopes; gives the paths. Sends nothing.

    Args:
        unused: paths that the program does not use, by their name or its last part.

    Raises:
        UnroutedClient: a path ends elsewhere, or it can't be told where.
    """
    paths = [path for path in _paths(client, Look(scopes, _paths)) if not {path.name, path.kind} & set(unused)]
    wrong = [path for path in paths if path.wrong]
    if wrong:
        name = client.__name__ if isinstance(client, ModuleType) else kind_of(client)
        raise UnroutedClient(name, wrong)
    return tuple(dict.fromkeys(path.name for path in paths))


def _paths(client: Any, look: Look) -> Iterator[Path]:
    """The paths of a client of any known kind."""
    if isinstance(client, ModuleType) and client.__name__ == "litellm":
        return frameworks.litellm_itself(client, look)
    if isinstance(client, (RoutedTransport, RoutedAdapter)):
        return _itself(client, look)
    inspect = next((kind.inspect for kind in KINDS if is_a(type(client), kind.module, *kind.names)), _unknown)
    return inspect(client, look)


def _unknown(client: Any, _: Look) -> Iterator[Path]:
    yield Path(
        "client",
        f"a client of a kind that is not known ({kind_of(client)}): it can't be proven where it sends",
        "verify the HTTP client inside it, if it has one; what it sends through must be router.transport(), "
        "router.requests_adapter() or router.call(...)",
    )
