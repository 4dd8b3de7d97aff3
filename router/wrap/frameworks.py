"""Models of frameworks: a copy of each, whose SDK client is the routed twin of its own.

Frameworks make their clients when they are made themselves and give no way to exchange them; so a copy is
made, by the framework's own means, and the client is set on it. The retries that frameworks add of their
own are switched off in the copy.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

Wrap = Callable[[Any], Any]


def langchain(model: Any, wrap: Wrap) -> Any:
    """A chat or embedding model of langchain, whose clients are fields."""
    clients = [name for name in ("client", "async_client") if name in type(model).model_fields]
    changes = {name: wrap(getattr(model, name)) for name in clients}
    if "max_retries" in type(model).model_fields:
        changes["max_retries"] = 1  # it means attempts; of 0 some models make the SDK's default
    return model.model_copy(update=changes)


def llama_index(model: Any, wrap: Wrap) -> Any:
    """A model of llama-index, whose client is a private attribute."""
    twin = model.model_copy(update={"max_retries": 0} if "max_retries" in type(model).model_fields else {})
    twin._client = wrap(model._client)
    return twin


def pydantic_ai_provider(provider: Any, wrap: Wrap) -> Any:
    """A provider of pydantic-ai, which takes a ready client under a name of its own.

    Raises:
        TypeError: it has made an HTTP client for its client, which a twin could neither share nor leave out.
    """
    if getattr(provider, "_own_http_client", None) is not None:
        raise TypeError(
            f"can't wrap a {type(provider).__qualname__} that has made its own client: make it with "
            "client=router.wrap(genai.Client(...)) or anthropic_client=router.wrap(AsyncAnthropicVertex(...))"
        )
    taken = inspect.signature(type(provider)).parameters
    name = next((each for each in ("client", "anthropic_client", "openai_client") if each in taken), None)
    if name is None:
        raise TypeError(f"can't wrap {type(provider).__qualname__}: it takes no client")
    return type(provider)(**{name: wrap(provider.client)})


def pydantic_ai_model(model: Any, wrap: Wrap) -> Any:
    """A model of pydantic-ai. Its settings and profile can't all be asked for, so it is copied whole."""
    twin = copy.copy(model)
    twin._provider = wrap(model._provider)
    return twin
