from __future__ import annotations

import pytest

import catalog
from router.hosts import Host, understood, why_not

LOCATIONS = catalog.load().locations.values()


@pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: location.id)
def test_the_hosts_of_every_location_are_understood(location: catalog.Location) -> None:
    assert understood(location.host) == Host()
    assert location.kind == "multi_region" or understood(location.mtls_host) == Host(mtls=True)


def test_multi_regions_publish_no_host_for_certificates() -> None:
    assert [each.id for each in LOCATIONS if not each.mtls_host] == ["us", "eu"]
    assert understood("aiplatform.eu.rep.mtls.googleapis.com") is None


def test_the_host_of_an_endpoint_tells_its_region() -> None:
    assert understood("1234.europe-west4-567.prediction.vertexai.goog") == Host(dedicated="europe-west4")


def test_a_private_host_is_understood_when_the_overlay_names_it() -> None:
    assert understood("ai.example") is None
    assert understood("ai.example", {"ai.example"}) == Host()


@pytest.mark.parametrize(
    ("host", "way_out"),
    [
        ("generativelanguage.googleapis.com", "set the client to Vertex AI with a project and a location"),
        ("claude.googleapis.com", "use AnthropicVertex"),
        ("aiplatform-mine.p.googleapis.com", "name it as `private_endpoint`"),
        ("europe-west4-aiplatform-mine.p.googleapis.com", "name it as `private_endpoint`"),
        ("discoveryengine.googleapis.com", "another service"),
        ("eu-discoveryengine.googleapis.com", "another service"),
        ("aiplatform.s3nsapis.fr", "use a client without this router"),
        ("u-germany-northeast1-aiplatform.apis-berlin-build0.goog", "use a client without this router"),
        ("gateway.example", "can be named as `private_endpoint`"),
        ("aiplatform.googleapis.com.evil.example", "can be named as `private_endpoint`"),
        ("evil.example.prediction.vertexai.goog", "can be named as `private_endpoint`"),
    ],
)
def test_any_other_host_is_told_with_the_way_out(host: str, way_out: str) -> None:
    assert understood(host) is None
    assert f"{host} is not a Vertex AI host" in why_not("https", host, None)
    assert way_out in why_not("https", host, None)


def test_scheme_and_port_are_told_as_they_are() -> None:
    assert why_not("http", "aiplatform.googleapis.com", 8080).startswith("http://aiplatform.googleapis.com:8080 is not")
