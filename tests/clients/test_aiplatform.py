"""Google's own clients over gRPC and REST: how they reach locations that they don't know, and what is unrouted."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from router import NoRoute, Policy, UnroutedClient, trace_of
from router.cli.main import main
from router.emulator import StreamFault
from tests.clients.conftest import PROJECT, World
from tests.clients.matrix.grpc import CONTENTS, Grpc

grpc = pytest.importorskip("grpc")
aiplatform = pytest.importorskip("google.cloud.aiplatform_v1")
agentplatform, vertexai = pytest.importorskip("agentplatform"), pytest.importorskip("vertexai")
errors = pytest.importorskip("google.api_core.exceptions")

EU = "aiplatform.eu.rep.googleapis.com"


def test_h4_a_call_reaches_eu_with_the_grpc_client(world: World) -> None:
    """googleapis/python-aiplatform#6822 (2026-05-21): the SDK rejected the location `eu` when it was set up."""
    assert "eu" in Grpc(world.router()).ask()
    assert world.emulator.witness.hosts == (EU,)
    (received,) = world.emulator.requests
    assert (received.location, received.method, received.project) == ("eu", "generateContent", PROJECT)


def test_an_exhausted_policy_is_grpcs_own_error_with_the_trace(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[429], repeat=True)
    with pytest.raises(errors.ResourceExhausted) as failure:
        Grpc(world.router(Policy(residency="eu", attempts=3))).ask()
    trace = trace_of(failure.value)
    assert trace is not None
    assert trace.header() == "eu=429, europe-west1=429, europe-west4=429"


def test_a_refusal_is_a_refusal_and_nothing_was_sent(world: World) -> None:
    with pytest.raises(NoRoute, match="not within jp"):
        Grpc(world.router(Policy(residency="jp"))).ask()
    assert world.emulator.witness.hosts == ()


def test_a_host_of_another_location_is_told_to_be_one_over_grpc_too(world: World) -> None:
    client = aiplatform.PredictionServiceClient(client_options={"api_endpoint": EU})
    model = f"projects/{PROJECT}/locations/us/publishers/google/models/gemini-3.8-flash"
    with pytest.raises(errors.InvalidArgument, match="doesn't match the endpoint"):
        client.generate_content(request={"model": model, "contents": CONTENTS})


ASK = """
import sys
from google.cloud.aiplatform_v1 import PredictionServiceClient
client = PredictionServiceClient(client_options={"api_endpoint": "aiplatform.eu.rep.googleapis.com"})
model = "projects/p/locations/eu/publishers/google/models/gemini-3.8-flash"
contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
print(client.generate_content(request={"model": model, "contents": contents}).candidates[0].content.parts[0].text)
"""


def test_the_command_opens_the_door_for_grpc_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--grpc", "--", sys.executable, "-c", ASK]) == 0
    assert "emulated gemini-3.8-flash at eu" in capfd.readouterr().out


def unrouted(world: World, client: Any) -> str:
    """What is said of a client that is unrouted, for which only `router.call` helps."""
    with pytest.raises(UnroutedClient) as found:
        world.router().verify(client)
    assert all("router.call" in path.cure for path in found.value.paths)
    assert world.emulator.requests == ()
    return str(found.value)


def test_what_sends_over_grpc_is_unrouted(world: World) -> None:
    client = aiplatform.PredictionServiceClient(client_options={"api_endpoint": EU})
    assert "no HTTP transport or adapter reaches" in unrouted(world, client)
    with grpc.secure_channel(f"{EU}:443", grpc.ssl_channel_credentials()) as channel:
        assert "a connection to one host" in unrouted(world, channel)


@pytest.mark.filterwarnings("ignore")  # the package warns that it is deprecated
def test_a_model_of_vertexai_is_unrouted_since_it_makes_its_clients_later(world: World) -> None:
    models = pytest.importorskip("vertexai.generative_models")
    vertexai.init(project=PROJECT, location="europe-west4")
    assert "makes its clients later" in unrouted(world, models.GenerativeModel("gemini-3.8-flash"))


def test_a_rest_client_is_unrouted_until_its_session_has_the_adapter(world: World) -> None:
    router = world.router()
    client = aiplatform.PredictionServiceClient(transport="rest", client_options={"api_endpoint": EU})
    assert "rest: for https://any.host it ends in" in unrouted(world, client)
    client.transport._session.mount("https://", router.requests_adapter())
    assert router.verify(client) == ("rest",)


@pytest.mark.filterwarnings("ignore")  # the packages warn of one another
@pytest.mark.parametrize("module", [vertexai, agentplatform], ids=lambda module: module.__name__)
def test_the_clients_on_top_of_google_genai_take_its_options(world: World, module: Any) -> None:
    router = world.router()
    options: dict[str, Any] = {"project": PROJECT, "location": "eu"}
    assert router.verify(module.Client(**options, http_options=router.genai_http_options())) == (
        "sync",
        "async",
        "live",
    )
    with pytest.raises(UnroutedClient, match="sync: it ends in"):
        router.verify(module.Client(**options))


@pytest.mark.parametrize(
    ("fault", "way"),
    [
        (StreamFault(cut_after=2), "eu=503, europe-west1=200"),
        (StreamFault(error_after=2), "eu=429, europe-west1=200"),
    ],
    ids=["cut", "error"],
)
def test_a_stream_that_breaks_over_grpc_is_made_anew_elsewhere(world: World, fault: StreamFault, way: str) -> None:
    """The function reads it to its end before it returns, so the caller has nothing of it yet."""
    world.emulator.script("eu", stream=fault)
    assert "europe-west1" in Grpc(world.router()).stream()
    assert world.way == way
    world.check_hosts()
