"""Paths of requests."""

from __future__ import annotations

import pytest

from router.emulator.paths import read

PLACE = "/v1/projects/my-project/locations/eu"


def test_a_publisher_model_is_read_with_all_its_parts():
    call = read("POST", "/v1beta1/projects/p/locations/europe-west1/publishers/google/models/gemini-x:generateContent")
    assert call is not None
    assert (call.version, call.project, call.location) == ("v1beta1", "p", "europe-west1")
    assert (call.publisher, call.model, call.method) == ("google", "gemini-x", "generateContent")


def test_escapes_are_resolved():
    call = read("POST", f"{PLACE}/publishers/anthropic/models/claude-opus-4-5%4020251101:rawPredict")
    assert call is not None
    assert call.model == "claude-opus-4-5@20251101"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_chat_completions_leave_the_model_to_the_body(version):
    call = read("POST", f"/{version}/projects/p/locations/global/endpoints/openapi/chat/completions")
    assert call is not None
    assert (call.publisher, call.model, call.method) == ("", "", "chat/completions")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        PLACE,
        f"{PLACE}/publishers/google/models/gemini-x",
        f"{PLACE}/publishers/google/models/gemini-x:",
        f"{PLACE}/publishers/google/models/gemini-x:drawPicture",
        f"{PLACE}/publishers/google/models/gemini-x:generateContent/",
        f"{PLACE}/publishers/google/models/a/b:generateContent",
        f"{PLACE}/publishers/google/models/a%2Fb:generateContent",
        f"{PLACE}/endpoints/123:generateContent",
        f"{PLACE}/endpoints/openapi/responses",
        "/v2/projects/p/locations/eu/endpoints/openapi/chat/completions",
        "/v1/publishers/google/models/gemini-x:generateContent",
        "//v1/projects/p/locations/eu/publishers/google/models/gemini-x:generateContent",
    ],
)
def test_other_paths_lead_nowhere(path):
    assert read("POST", path) is None


def test_only_post_calls_a_model():
    assert read("GET", f"{PLACE}/publishers/google/models/gemini-x:generateContent") is None
