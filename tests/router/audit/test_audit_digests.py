from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import catalog
from catalog import Catalog, Own
from router import Policy
from router.audit.digests import catalog_digest, claim_id, claims_by_id, policy_digest
from tests.world import roomy_catalog

CATALOG = catalog.load()


def test_every_claim_has_a_name_of_its_own_that_the_catalog_resolves() -> None:
    found = claims_by_id(CATALOG)
    assert len(found) == sum(len(each.availability) + len(each.processing) for each in CATALOG.models.values())
    model = CATALOG.models["gemini-3.8-flash"]
    for claim in (model.availability[0], model.processing[0]):
        assert found[claim_id(model.id, claim)] == (model.id, claim)


def test_a_name_tells_what_kind_of_claim_it_is() -> None:
    model = CATALOG.models["gemini-3.8-flash"]
    assert claim_id(model.id, model.availability[0]).startswith("served-")
    assert claim_id(model.id, model.processing[0]).startswith("stays-")


def test_a_claim_that_says_anything_else_has_another_name() -> None:
    claim = CATALOG.models["gemini-3.8-flash"].processing[0]
    names = {claim_id(model, claim) for model in CATALOG.models}
    names |= {claim_id("m", msgspec.structs.replace(claim, boundary="jp")), claim_id("m", claim)}
    assert len(names) == len(CATALOG.models) + 2


def test_policies_that_say_the_same_have_one_digest() -> None:
    policy = Policy(residency=["eu", "us"], deny_locations=["us-east1", "eu"])
    assert policy_digest(policy) == policy_digest(Policy(residency=["us", "eu"], deny_locations=["eu", "us-east1"]))
    assert policy_digest(policy) == policy_digest(replace(policy, audit="anywhere.jsonl"))
    assert policy_digest(policy) == policy_digest(Policy.of(policy.as_dict()))


@pytest.mark.parametrize(
    "fields", [{"residency": "us"}, {"prefer": ["us", "eu"]}, {"attempts": 2}, {"assurance": "location"}]
)
def test_policies_that_differ_have_others(fields: dict[str, object]) -> None:
    assert policy_digest(Policy(**fields)) != policy_digest(Policy(prefer=["eu", "us"]))  # type: ignore[arg-type]


def test_a_catalog_is_known_by_all_that_it_holds(tmp_path: Path) -> None:
    overlay = tmp_path / "o.toml"
    overlay.write_text('[[denied]]\nlocations = ["eu"]\nreason = "no"\n')
    laid_over = catalog.load(overlay=overlay)
    digests = [catalog_digest(each) for each in (CATALOG, catalog.load(), laid_over, roomy_catalog())]
    assert digests[0] == digests[1]
    assert len({*digests}) == 3


def test_the_order_in_which_entries_were_read_does_not_matter() -> None:
    turned = Catalog(
        sources=reversed(list(CATALOG.sources.values())),
        jurisdictions=CATALOG.jurisdictions.values(),
        locations=CATALOG.locations.values(),
        models=reversed(list(CATALOG.models.values())),
        features=reversed(list(CATALOG.features.values())),
        own=Own(),
    )
    assert catalog_digest(turned) == catalog_digest(CATALOG)
