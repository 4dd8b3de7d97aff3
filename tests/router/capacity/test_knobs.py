from __future__ import annotations

from typing import Any

import pytest

from router.capacity.knobs import Pacing


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_waste", 0.0),
        ("max_waste", 1.5),
        ("tolerated", -0.1),
        ("tolerated", 1.0),
        ("most_waiting", 0),
        ("retry_share", -0.1),
        ("retries_per_s", 0.0),
    ],
)
def test_a_number_out_of_its_range_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"`{field}` must be"):
        Pacing(**{field: value})
