"""Frameworks that hold clients of the SDKs, or make their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from router import Router
from tests.clients.matrix.driver import CLAUDE, GEMINI, PROJECT, Driver, joined

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
"""litellm fetches a list of prices when it is imported, unless it finds this."""


class Langchain(Driver):
    name = "langchain-google-genai: ChatGoogleGenerativeAI"
    distribution = "langchain-google-genai"
    needs = ("langchain_google_genai",)
    line = "ChatGoogleGenerativeAI(vertexai=True, ..., client_args=router.client_args(), max_retries=1)"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.made(router)

    def made(self, router: Router) -> Any:
        return self.plain(client_args=router.client_args(), max_retries=1)

    def plain(self, **options: Any) -> Any:
        from langchain_google_genai import ChatGoogleGenerativeAI

        return ChatGoogleGenerativeAI(model=GEMINI, vertexai=True, project=PROJECT, location="eu", **options)

    def bare(self) -> Any:
        return self.plain()

    def ask(self) -> str:
        return str(self.client.invoke("hello").text)

    def stream(self) -> str:
        return joined(chunk.text for chunk in self.client.stream("hello"))

    async def aask(self) -> str:
        return str((await self.client.ainvoke("hello")).text)

    async def astream(self) -> str:
        return joined([chunk.text async for chunk in self.client.astream("hello")])

    def close(self) -> None:
        self.client.client.close()

    async def aclose(self) -> None:
        await self.client.client.aio.aclose()


class LangchainWrapped(Langchain):
    name = "langchain-google-genai: ChatGoogleGenerativeAI, wrapped"
    line = "model = router.wrap(model)"

    def made(self, router: Router) -> Any:
        self.given = self.plain()
        return router.wrap(self.given)


class LangchainEmbeddings(Driver):
    name = "langchain-google-genai: GoogleGenerativeAIEmbeddings"
    distribution = "langchain-google-genai"
    needs = ("langchain_google_genai",)
    line = "GoogleGenerativeAIEmbeddings(vertexai=True, ..., client_args=router.client_args())"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.plain(client_args=router.client_args())

    def plain(self, **options: Any) -> Any:
        from langchain_google_genai import GoogleGenerativeAIEmbeddings

        options = {"model": "text-embedding-005", "vertexai": True, "project": PROJECT, "location": "eu", **options}
        return GoogleGenerativeAIEmbeddings(**options)

    def bare(self) -> Any:
        return self.plain()

    def ask(self) -> str:
        return self._served(self.client.embed_query("hello"))

    async def aask(self) -> str:
        return self._served(await self.client.aembed_query("hello"))

    def _served(self, vector: list[float]) -> str:
        assert len(vector) == 768
        return ""  # a vector tells nothing of the location

    def close(self) -> None:
        self.client.client.close()

    async def aclose(self) -> None:
        await self.client.client.aio.aclose()


class LangchainAnthropic(Langchain):
    name = "langchain-google-vertexai: ChatAnthropicVertex"
    distribution = "langchain-google-vertexai"
    needs = ("langchain_google_vertexai", "anthropic")
    line = (
        "ChatAnthropicVertex(..., http_client=router.http_client(anthropic), "
        "async_http_client=router.async_http_client(anthropic), max_retries=1)"
    )

    def made(self, router: Router) -> Any:
        import anthropic

        http, ahttp = router.http_client(anthropic), router.async_http_client(anthropic)
        return self.plain(http_client=http, async_http_client=ahttp, max_retries=1)

    def plain(self, **options: Any) -> Any:
        from langchain_google_vertexai.model_garden import ChatAnthropicVertex

        return ChatAnthropicVertex(model_name=CLAUDE, project=PROJECT, location="eu", **options)

    async def aclose(self) -> None:
        await self.client.async_client.close()


class LangchainAnthropicWrapped(LangchainAnthropic):
    name = "langchain-google-vertexai: ChatAnthropicVertex, wrapped"
    line = "model = router.wrap(model)"

    def made(self, router: Router) -> Any:
        self.given = self.plain()
        return router.wrap(self.given)

    def close(self) -> None:
        super().close()
        self.given.client.close()

    async def aclose(self) -> None:
        await super().aclose()
        await self.given.async_client.close()


class LlamaIndex(Driver):
    name = "llama-index-llms-google-genai: GoogleGenAI"
    distribution = "llama-index-llms-google-genai"
    needs = ("llama_index.llms.google_genai",)
    line = "GoogleGenAI(..., http_options=router.genai_http_options(), max_retries=0)"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.made(router)

    def made(self, router: Router) -> Any:
        return self.plain(http_options=router.genai_http_options(), max_retries=0)

    def plain(self, **options: Any) -> Any:
        from llama_index.llms.google_genai import GoogleGenAI

        place = {"project": PROJECT, "location": "eu"}
        return GoogleGenAI(model=GEMINI, vertexai_config=place, context_window=1000, max_tokens=100, **options)

    def bare(self) -> Any:
        return self.plain()

    def ask(self) -> str:
        return str(self.client.complete("hello").text)

    def stream(self) -> str:
        return joined(chunk.delta for chunk in self.client.stream_complete("hello"))

    async def aask(self) -> str:
        return str((await self.client.acomplete("hello")).text)

    async def astream(self) -> str:
        return joined([chunk.delta async for chunk in await self.client.astream_complete("hello")])

    def close(self) -> None:
        self.client._client.close()

    async def aclose(self) -> None:
        await self.client._client.aio.aclose()


class LlamaIndexWrapped(LlamaIndex):
    name = "llama-index-llms-google-genai: GoogleGenAI, wrapped"
    line = "llm = router.wrap(llm)"

    def made(self, router: Router) -> Any:
        self.given = self.plain()
        return router.wrap(self.given)


class PydanticAI(Driver):
    name = "pydantic-ai: GoogleModel"
    distribution = "pydantic-ai-slim"
    needs = ("pydantic_ai", "google.genai")
    line = "GoogleCloudProvider(client=router.wrap(genai.Client(...)))"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        from pydantic_ai import Agent

        self.given = self.sdk()
        self.client = Agent(self.model(router))

    def sdk(self) -> Any:
        from google import genai

        return genai.Client(vertexai=True, project=PROJECT, location="eu")

    def model(self, router: Router) -> Any:
        return self.plain(router.wrap(self.given))

    def plain(self, client: Any) -> Any:
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google_cloud import GoogleCloudProvider

        return GoogleModel(GEMINI, provider=GoogleCloudProvider(client=client))

    def bare(self) -> Any:
        return self.plain(self.given)

    async def aask(self) -> str:
        return str((await self.client.run("hello")).output)

    async def astream(self) -> str:
        async with self.client.run_stream("hello") as run:
            return joined([text async for text in run.stream_text(delta=True)])


class PydanticAIWrapped(PydanticAI):
    name = "pydantic-ai: GoogleModel, wrapped"
    line = "model = router.wrap(model)"

    def model(self, router: Router) -> Any:
        return router.wrap(self.plain(self.given))


class PydanticAIAnthropic(PydanticAI):
    name = "pydantic-ai: AnthropicModel"
    needs = ("pydantic_ai", "anthropic")
    line = "AnthropicProvider(anthropic_client=router.wrap(AsyncAnthropicVertex(...)))"

    def sdk(self) -> Any:
        from anthropic import AsyncAnthropicVertex

        return AsyncAnthropicVertex(project_id=PROJECT, region="eu")

    def plain(self, client: Any) -> Any:
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(CLAUDE, provider=AnthropicProvider(anthropic_client=client))

    async def aclose(self) -> None:
        await self.client.model.client.close()
        await self.given.close()


class Instructor(Driver):
    name = "instructor: from_genai"
    distribution = "instructor"
    needs = ("instructor", "google.genai")
    line = "instructor.from_genai(router.wrap(client), ...)"
    answer = '{"text": "{location}"}'

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        import instructor

        self.inner = router.wrap(self.sdk())
        mode = instructor.Mode.JSON
        self.client = instructor.from_genai(self.inner, mode=mode)
        self.aclient = instructor.from_genai(self.inner, mode=mode, use_async=True)

    def sdk(self) -> Any:
        from google import genai

        return genai.Client(vertexai=True, project=PROJECT, location="eu")

    def routed(self) -> Any:
        return self.client, self.aclient

    def bare(self) -> Any:
        import instructor

        return instructor.from_genai(self.sdk())

    def question(self) -> dict[str, Any]:
        from pydantic import create_model

        answer: Any = create_model("Answer", text=(str, ...))
        return {"model": GEMINI, "messages": [{"role": "user", "content": "hello"}], "response_model": answer}

    def ask(self) -> str:
        return str(self.client.chat.completions.create(**self.question()).text)

    async def aask(self) -> str:
        return str((await self.aclient.chat.completions.create(**self.question())).text)

    def close(self) -> None:
        self.inner.close()

    async def aclose(self) -> None:
        await self.inner.aio.aclose()


class LiteLLM(Driver):
    name = "litellm: Gemini on Vertex AI"
    distribution = "litellm"
    needs = ("litellm",)
    line = "completion(..., client=HTTPHandler(client=httpx.Client(transport=router.transport())))"
    model = f"vertex_ai/{GEMINI}"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        import httpx
        import litellm
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler

        self.litellm: Any = litellm
        self.client = HTTPHandler(client=httpx.Client(transport=router.transport()))
        self.aclient = AsyncHTTPHandler(transport=router.transport())
        self.question: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "hello"}],
            "vertex_project": PROJECT,
            "vertex_location": "eu",
            "vertex_credentials": json.dumps(
                json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
            ),
            "num_retries": 0,
        }

    def routed(self) -> Any:
        return self.client, self.aclient

    def bare(self) -> Any:
        return self.litellm

    def ask(self) -> str:
        return str(self.litellm.completion(**self.question, client=self.client).choices[0].message.content)

    def stream(self) -> str:
        stream = self.litellm.completion(**self.question, client=self.client, stream=True)
        return joined(chunk.choices[0].delta.content for chunk in stream)

    async def aask(self) -> str:
        answer = await self.litellm.acompletion(**self.question, client=self.aclient)
        return str(answer.choices[0].message.content)

    async def astream(self) -> str:
        stream = await self.litellm.acompletion(**self.question, client=self.aclient, stream=True)
        return joined([chunk.choices[0].delta.content async for chunk in stream])

    async def aclose(self) -> None:
        await self.aclient.close()


class LiteLLMClaude(LiteLLM):
    name = "litellm: Claude on Vertex AI"
    model = f"vertex_ai/{CLAUDE}"


FRAMEWORKS = (
    *(Langchain, LangchainWrapped, LangchainEmbeddings, LangchainAnthropic, LangchainAnthropicWrapped),
    *(LlamaIndex, LlamaIndexWrapped, PydanticAI, PydanticAIWrapped, PydanticAIAnthropic),
    *(Instructor, LiteLLM, LiteLLMClaude),
)
