"""What users may set about capacity control. The rest are constants beside what they govern."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How boldly capacity is looked for, and how much may wait.

    Args:
        max_waste: how many requests may be rejected for each that is admitted, while a pool that is
            used to its limit is probed for more; a bound for slow pools, which fast ones stay below.
        tolerated: the share of the requests whose rejection slows nothing down from the start, for a service that is
            known to reject some at random, however little is sent (by itself that is found out, which takes some
            hundred requests); where there is a limit instead, using it costs as many.
        most_waiting: the most requests waiting for one model; further ones are refused at once.
        retry_share: retries after faults, for each request sent.
        retries_per_s: retries after faults that are free in any case.

    Raises:
        ValueError: a number is out of its range.
    """

    max_waste: float = 0.05
    tolerated: float = 0.0
    most_waiting: int = 10_000
    retry_share: float = 0.2
    retries_per_s: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.max_waste <= 1:
            raise ValueError(f"`max_waste` must be above 0 and at most 1, not {self.max_waste}")
        if not 0 <= self.tolerated < 1:
            raise ValueError(f"`tolerated` must be from 0 to below 1, not {self.tolerated}")
        if self.most_waiting < 1:
            raise ValueError(f"`most_waiting` must be at least 1, not {self.most_waiting}")
        if not 0 <= self.retry_share <= 1:
            raise ValueError(f"`retry_share` must be from 0 to 1, not {self.retry_share}")
        if not 0 < self.retries_per_s < float("inf"):
            raise ValueError(f"`retries_per_s` must be a number above 0, not {self.retries_per_s}")
