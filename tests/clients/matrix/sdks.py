"""The SDKs of the models' makers."""

from __future__ import annotations

from typing import Any

from router import Router
from tests.clients.matrix.driver import CLAUDE, GEMINI, MISTRAL, OPEN_MODEL, PROJECT, Driver, joined

SAID: list[Any] = [{"role": "user", "content": "hello"}]
OPENAPI = f"https://eu-aiplatform.googleapis.com/v1/projects/{PROJECT}/locations/eu/endpoints/openapi"
"""With the wrong host that clients are known to build; the router sets it right."""


class Anthropic(Driver):
    name = "anthropic: AnthropicVertex, AsyncAnthropicVertex"
    distribution = "anthropic"
    needs = ("anthropic",)
    line = "client = router.wrap(client)"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        import anthropic

        self.bares = [
            kind(project_id=PROJECT, region="eu")
            for kind in (anthropic.AnthropicVertex, anthropic.AsyncAnthropicVertex)
        ]
        self.client, self.aclient = [router.wrap(each) for each in self.bares]
        self.question: dict[str, Any] = {"model": CLAUDE, "max_tokens": 64, "messages": SAID}

    def routed(self) -> Any:
        return self.client, self.aclient

    def bare(self) -> Any:
        return self.bares[0]

    def ask(self) -> str:
        return str(self.client.messages.create(**self.question).content[0].text)

    def stream(self) -> str:
        with self.client.messages.stream(**self.question) as stream:
            return joined(stream.text_stream)

    async def aask(self) -> str:
        return str((await self.aclient.messages.create(**self.question)).content[0].text)

    async def astream(self) -> str:
        async with self.aclient.messages.stream(**self.question) as stream:
            return joined([text async for text in stream.text_stream])

    async def aclose(self) -> None:
        for each in (self.aclient, self.bares[1]):
            await each.close()


class Genai(Driver):
    name = "google-genai: Client, made routed"
    distribution = "google-genai"
    needs = ("google.genai",)
    line = "genai.Client(vertexai=True, ..., http_options=router.genai_http_options())"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.made(router)
        self.question: dict[str, Any] = {"model": GEMINI, "contents": "hello"}

    def made(self, router: Router) -> Any:
        return self.plain(http_options=router.genai_http_options())

    def plain(self, **options: Any) -> Any:
        from google import genai

        return genai.Client(vertexai=True, project=PROJECT, location="eu", **options)

    def bare(self) -> Any:
        return self.plain()

    def ask(self) -> str:
        return str(self.client.models.generate_content(**self.question).text)

    def stream(self) -> str:
        return joined(chunk.text for chunk in self.client.models.generate_content_stream(**self.question))

    async def aask(self) -> str:
        return str((await self.client.aio.models.generate_content(**self.question)).text)

    async def astream(self) -> str:
        stream = await self.client.aio.models.generate_content_stream(**self.question)
        return joined([chunk.text async for chunk in stream])

    async def aclose(self) -> None:
        await self.client.aio.aclose()


class GenaiWrapped(Genai):
    name = "google-genai: Client, wrapped"
    line = "client = router.wrap(client)"

    def made(self, router: Router) -> Any:
        self.given = self.plain()
        return router.wrap(self.given)


class OpenAI(Driver):
    name = "openai: OpenAI, AsyncOpenAI on endpoints/openapi"
    distribution = "openai"
    needs = ("openai",)
    line = "client = router.wrap(client)"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.bares = self.plain()
        self.client, self.aclient = [router.wrap(each) for each in self.bares]
        self.question: dict[str, Any] = {"model": f"google/{GEMINI}", "messages": SAID}

    def plain(self) -> list[Any]:
        import openai

        return [kind(base_url=OPENAPI, api_key="an-access-token") for kind in (openai.OpenAI, openai.AsyncOpenAI)]

    def routed(self) -> Any:
        return self.client, self.aclient

    def bare(self) -> Any:
        return self.bares[0]

    def ask(self) -> str:
        return str(self.client.chat.completions.create(**self.question).choices[0].message.content)

    def stream(self) -> str:
        stream = self.client.chat.completions.create(stream=True, **self.question)
        return joined(chunk.choices[0].delta.content for chunk in stream if chunk.choices)

    async def aask(self) -> str:
        return str((await self.aclient.chat.completions.create(**self.question)).choices[0].message.content)

    async def astream(self) -> str:
        stream = await self.aclient.chat.completions.create(stream=True, **self.question)
        return joined([chunk.choices[0].delta.content async for chunk in stream if chunk.choices])

    async def aclose(self) -> None:
        for each in (self.aclient, self.bares[1]):
            await each.close()


class OpenAIProvider(OpenAI):
    name = "openai: OpenAI, AsyncOpenAI with provider=vertex"
    needs = ("openai.providers.vertex",)

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.question = {"model": OPEN_MODEL, "input": "hello"}

    def plain(self) -> list[Any]:
        import openai
        from openai.providers import vertex

        # Of `eu` it makes a host that does not exist; the router sets it right.
        provider = vertex(project=PROJECT, location="eu")
        return [openai.OpenAI(provider=provider), openai.AsyncOpenAI(provider=provider)]

    def ask(self) -> str:
        return str(self.client.responses.create(**self.question).output_text)

    def stream(self) -> str:
        return joined(
            getattr(event, "delta", "") for event in self.client.responses.create(stream=True, **self.question)
        )

    async def aask(self) -> str:
        return str((await self.aclient.responses.create(**self.question)).output_text)

    async def astream(self) -> str:
        stream = await self.aclient.responses.create(stream=True, **self.question)
        return joined([getattr(event, "delta", "") async for event in stream])


class Mistral(Driver):
    name = "mistralai: MistralGCP"
    distribution = "mistralai"
    needs = ("mistralai.gcp.client",)
    line = "MistralGCP(..., client=router.http_client(httpx2), async_client=router.async_http_client(httpx2))"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        import httpx2

        self.http, self.ahttp = router.http_client(httpx2), router.async_http_client(httpx2)
        self.client = self.plain(client=self.http, async_client=self.ahttp)
        self.question: dict[str, Any] = {"model": MISTRAL, "messages": SAID}

    def plain(self, **options: Any) -> Any:
        from mistralai.gcp.client import MistralGCP

        # For every location it builds a host as for a region; the router sets it right.
        return MistralGCP(project_id=PROJECT, region="eu", access_token="an-access-token", **options)

    def bare(self) -> Any:
        return self.plain()

    def ask(self) -> str:
        return str(self.client.chat.complete(**self.question).choices[0].message.content)

    def stream(self) -> str:
        with self.client.chat.stream(**self.question) as stream:
            return joined(event.data.choices[0].delta.content for event in stream)

    async def aask(self) -> str:
        return str((await self.client.chat.complete_async(**self.question)).choices[0].message.content)

    async def astream(self) -> str:
        async with await self.client.chat.stream_async(**self.question) as stream:
            return joined([event.data.choices[0].delta.content async for event in stream])

    def close(self) -> None:
        self.http.close()

    async def aclose(self) -> None:
        await self.ahttp.aclose()


SDKS = (Anthropic, Genai, GenaiWrapped, OpenAI, OpenAIProvider, Mistral)
