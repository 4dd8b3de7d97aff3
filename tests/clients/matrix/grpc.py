"""Google's generated clients, over gRPC and over REST."""

from __future__ import annotations

import functools
from typing import Any

from router import Destination, Router
from tests.clients.matrix.driver import GEMINI, PROJECT, Driver, joined

CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
NEEDS = ("google.cloud.aiplatform_v1", "grpc")


def text(answer: Any) -> str:
    return str(answer.candidates[0].content.parts[0].text)


class Grpc(Driver):
    name = "google-cloud-aiplatform: PredictionServiceClient, PredictionServiceAsyncClient"
    distribution = "google-cloud-aiplatform"
    needs = NEEDS
    stack = "gRPC"
    line = "router.call(function, model=..., project=...)"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.at = functools.cache(self.made)
        self.aat = functools.cache(self.amade)

    def made(self, endpoint: str) -> Any:
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        return PredictionServiceClient(client_options={"api_endpoint": endpoint})

    def amade(self, endpoint: str) -> Any:
        from google.cloud.aiplatform_v1 import PredictionServiceAsyncClient

        return PredictionServiceAsyncClient(client_options={"api_endpoint": endpoint})

    def routed(self) -> Any:
        return ()  # what is called inside `router.call` is the function's own

    def bare(self) -> Any:
        return self.at("aiplatform.eu.rep.googleapis.com")

    def question(self, to: Destination) -> dict[str, Any]:
        request = {"model": to.model_name, "contents": CONTENTS}
        return {"request": request, "timeout": to.timeout_s, "retry": None, "metadata": list(to.headers.items())}

    def ask(self) -> str:
        def generate(to: Destination) -> str:
            return text(self.at(to.api_endpoint).generate_content(**self.question(to)))

        return self.router.call(generate, model=GEMINI, project=PROJECT)

    def stream(self) -> str:
        def generate(to: Destination) -> str:
            return joined(text(each) for each in self.at(to.api_endpoint).stream_generate_content(**self.question(to)))

        return self.router.call(generate, model=GEMINI, project=PROJECT)

    async def aask(self) -> str:
        async def generate(to: Destination) -> str:
            return text(await self.aat(to.api_endpoint).generate_content(**self.question(to)))

        return await self.router.acall(generate, model=GEMINI, project=PROJECT)

    async def astream(self) -> str:
        async def generate(to: Destination) -> str:
            stream = await self.aat(to.api_endpoint).stream_generate_content(**self.question(to))
            return joined([text(each) async for each in stream])

        return await self.router.acall(generate, model=GEMINI, project=PROJECT)


class Rest(Driver):
    name = "google-cloud-aiplatform: PredictionServiceClient over REST"
    distribution = "google-cloud-aiplatform"
    needs = NEEDS
    stack = "requests"
    line = 'client.transport._session.mount("https://", router.requests_adapter())'

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.client = self.bare()
        self.client.transport._session.mount("https://", router.requests_adapter())
        self.question: dict[str, Any] = {
            "model": f"projects/{PROJECT}/locations/eu/publishers/google/models/{GEMINI}",
            "contents": CONTENTS,
        }

    def bare(self) -> Any:
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        endpoint = "aiplatform.eu.rep.googleapis.com"
        return PredictionServiceClient(transport="rest", client_options={"api_endpoint": endpoint})

    def ask(self) -> str:
        return text(self.client.generate_content(request=self.question, retry=None))

    def stream(self) -> str:
        return joined(text(each) for each in self.client.stream_generate_content(request=self.question, retry=None))

    def close(self) -> None:
        self.client.transport.close()


GRPC: tuple[type[Driver], ...] = (Grpc, Rest)
