"""`catalog features`."""

from __future__ import annotations

import catalog
from tests.router.cli.catalog.conftest import Ask


def test_features_stay_or_do_not_and_say_on_whose_word(ask: Ask) -> None:
    data = ask("features", "--json").data
    assert list(data) == ["date", "features", "sources"]
    assert [each["id"] for each in data["features"]] == list(catalog.load().features)
    (maps,) = (each for each in data["features"] if each["id"] == "google-maps")
    assert (maps["stays"], maps["source"]) == ("no", "google-supported-capabilities")
    assert maps["source"] in data["sources"]
    words = ask("features").words
    assert "google-maps no (1) Grounding with Google Maps" in words
