"""The real client libraries get answers, streams and errors that they understand."""

from __future__ import annotations

import asyncio

import anthropic
import openai
import pytest
from google import genai

from router.emulator import StreamFault

GEMINI = "gemini-3.8-flash"
CLAUDE = "claude-sonnet-5"
ASK = [{"role": "user", "content": "Good morning"}]


@pytest.fixture
def gemini(emulator):
    with genai.Client(vertexai=True, project="p", location="eu") as client:
        yield client


@pytest.fixture
def claude(emulator):
    with anthropic.AnthropicVertex(region="eu", project_id="p", max_retries=0) as client:
        yield client


@pytest.fixture
def chat(emulator):
    base = "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi"
    with openai.OpenAI(base_url=base, api_key="t", max_retries=0) as client:
        yield client


def says(model: str) -> str:
    return f"This is the emulated {model} at eu. You said: Good morning"


class TestGenai:
    """google-genai."""

    def test_answers_are_parsed(self, gemini):
        answer = gemini.models.generate_content(model=GEMINI, contents="Good morning")
        assert answer.text == says(GEMINI)
        assert answer.usage_metadata.traffic_type.name == "ON_DEMAND"
        assert answer.candidates[0].finish_reason.name == "STOP"
        assert answer.create_time is not None

    def test_streams_are_parsed(self, gemini):
        chunks = list(gemini.models.generate_content_stream(model=GEMINI, contents="Good morning"))
        assert "".join(chunk.text for chunk in chunks) == says(GEMINI)
        assert chunks[-1].usage_metadata.total_token_count > 0

    def test_tokens_are_counted(self, gemini):
        assert gemini.models.count_tokens(model=GEMINI, contents="Good morning").total_tokens == 3

    @pytest.mark.parametrize(
        ("model", "location"), [("text-embedding-005", "europe-west4"), ("gemini-embedding-2", "eu")]
    )
    def test_embeddings_are_parsed(self, emulator, model, location):
        with genai.Client(vertexai=True, project="p", location=location) as client:
            answer = client.models.embed_content(model=model, contents="hello", config={"output_dimensionality": 5})
        assert len(answer.embeddings[0].values) == 5

    def test_async_answers_and_streams_are_parsed(self, emulator):
        async def main():
            async with genai.Client(vertexai=True, project="p", location="eu").aio as client:
                answer = await client.models.generate_content(model=GEMINI, contents="Good morning")
                stream = await client.models.generate_content_stream(model=GEMINI, contents="Good morning")
                return answer.text, "".join([chunk.text async for chunk in stream])

        assert asyncio.run(main()) == (says(GEMINI), says(GEMINI))

    @pytest.mark.parametrize(("spec", "code"), [(429, 429), (503, 503), ("overloaded", 529), ("not_allowed", 400)])
    def test_errors_are_recognized(self, emulator, gemini, spec, code):
        emulator.script("eu", errors=[spec])
        with pytest.raises(genai.errors.APIError) as caught:
            gemini.models.generate_content(model=GEMINI, contents="x")
        assert caught.value.code == code

    def test_a_model_that_is_not_served_is_a_client_error(self, emulator):
        with (
            genai.Client(vertexai=True, project="p", location="europe-west1") as client,
            pytest.raises(genai.errors.ClientError, match="was not found or your project") as caught,
        ):
            client.models.generate_content(model=GEMINI, contents="x")
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")

    def test_an_error_inside_a_stream_is_recognized(self, emulator, gemini):
        emulator.script("eu", stream=StreamFault(error_after=2))
        stream = gemini.models.generate_content_stream(model=GEMINI, contents="Good morning")
        assert [next(stream).text for _ in range(2)] == ["This is", " the emulated"]
        with pytest.raises(genai.errors.ClientError) as caught:
            next(stream)
        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


class TestAnthropic:
    """anthropic[vertex]."""

    def test_answers_are_parsed(self, claude):
        answer = claude.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
        assert answer.content[0].text == says(CLAUDE)
        assert (answer.stop_reason, answer.usage.input_tokens) == ("end_turn", 3)

    def test_streams_are_parsed(self, claude):
        with claude.messages.stream(model=CLAUDE, max_tokens=9, messages=ASK) as stream:
            assert "".join(stream.text_stream) == says(CLAUDE)
            final = stream.get_final_message()
        assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 17)

    def test_tokens_are_counted(self, claude):
        assert claude.messages.count_tokens(model=CLAUDE, messages=ASK).input_tokens == 3

    def test_async_answers_and_streams_are_parsed(self, emulator):
        async def main():
            async with anthropic.AsyncAnthropicVertex(region="eu", project_id="p", max_retries=0) as client:
                answer = await client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
                async with client.messages.stream(model=CLAUDE, max_tokens=9, messages=ASK) as stream:
                    return answer.content[0].text, await stream.get_final_text()

        assert asyncio.run(main()) == (says(CLAUDE), says(CLAUDE))

    @pytest.mark.parametrize(
        ("spec", "kind", "code"),
        [(429, "RateLimitError", 429), ("overloaded", "APIStatusError", 529), ("not_servable", "BadRequestError", 400)],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_errors_are_recognized(self, emulator, claude, spec, kind, code, stream):
        emulator.script("eu", errors=[spec])
        with pytest.raises(getattr(anthropic, kind)) as caught:
            claude.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=stream)
        assert caught.value.status_code == code

    def test_an_error_inside_a_stream_is_recognized(self, emulator, claude):
        emulator.script("eu", stream=StreamFault(error_after=4, error="overloaded"))
        stream = claude.messages.create(model=CLAUDE, max_tokens=9, messages=ASK, stream=True)
        kinds = [next(stream).type for _ in range(3)]
        assert kinds == ["message_start", "content_block_start", "content_block_delta"]
        with pytest.raises(anthropic.APIStatusError) as caught:
            next(stream)
        assert caught.value.body["error"]["type"] == "overloaded_error"


class TestOpenai:
    """openai on the endpoint that speaks its language."""

    def test_answers_are_parsed(self, chat):
        answer = chat.chat.completions.create(model=f"google/{GEMINI}", messages=ASK)
        assert answer.choices[0].message.content == says(GEMINI)
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    def test_streams_are_parsed(self, chat):
        chunks = list(chat.chat.completions.create(model=f"google/{GEMINI}", messages=ASK, stream=True))
        assert "".join(chunk.choices[0].delta.content for chunk in chunks) == says(GEMINI)
        assert chunks[-1].usage.total_tokens > 0

    def test_async_answers_and_streams_are_parsed(self, chat):
        async def main():
            async with openai.AsyncOpenAI(base_url=chat.base_url, api_key="t", max_retries=0) as client:
                answer = await client.chat.completions.create(model=f"google/{GEMINI}", messages=ASK)
                stream = await client.chat.completions.create(model=f"google/{GEMINI}", messages=ASK, stream=True)
                parts = [chunk.choices[0].delta.content async for chunk in stream]
                return answer.choices[0].message.content, "".join(parts)

        assert asyncio.run(main()) == (says(GEMINI), says(GEMINI))

    @pytest.mark.parametrize(("spec", "kind"), [(429, "RateLimitError"), (503, "InternalServerError")])
    def test_errors_are_recognized(self, emulator, chat, spec, kind):
        emulator.script("eu", errors=[spec])
        with pytest.raises(getattr(openai, kind)) as caught:
            chat.chat.completions.create(model=f"google/{GEMINI}", messages=ASK)
        assert caught.value.status_code == spec

    def test_an_error_inside_a_stream_is_recognized(self, emulator, chat):
        emulator.script("eu", stream=StreamFault(error_after=1, error=503))
        stream = chat.chat.completions.create(model=f"google/{GEMINI}", messages=ASK, stream=True)
        next(stream)
        with pytest.raises(openai.APIError, match="overloaded"):
            next(stream)

    def test_embeddings_are_parsed(self, emulator):
        base = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi"
        with openai.OpenAI(base_url=base, api_key="t", max_retries=0) as client:
            answer = client.embeddings.create(model="google/text-embedding-005", input=["one", "two"], dimensions=3)
        assert [len(each.embedding) for each in answer.data] == [3, 3]
        assert answer.usage.total_tokens == 2


class TestOpenaiResponses:
    """openai on the endpoint that its own `provider` makes, with the right host where it is wrong."""

    @pytest.fixture
    def responses(self, emulator):
        base = "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/openai/v1"
        with openai.OpenAI(base_url=base, api_key="t", max_retries=0) as client:
            yield client

    def test_answers_are_parsed(self, responses):
        answer = responses.responses.create(model=f"google/{GEMINI}", input="Good morning")
        assert answer.output_text == says(GEMINI)
        assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens

    def test_streams_are_parsed(self, responses):
        with responses.responses.stream(model=f"google/{GEMINI}", input="Good morning") as stream:
            parts = [event.delta for event in stream if event.type == "response.output_text.delta"]
            assert stream.get_final_response().output_text == "".join(parts) == says(GEMINI)

    def test_a_wrong_body_is_refused_in_words(self, responses):
        with pytest.raises(openai.BadRequestError, match="input"):
            responses.responses.create(model=f"google/{GEMINI}", input="")
