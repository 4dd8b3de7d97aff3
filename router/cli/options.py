"""Arguments that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from datetime import date

from router.policy import Policy


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Adds the two ways to give a policy."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--policy", metavar="FILE", help="a policy in TOML")
    group.add_argument(
        "--residency",
        action="append",
        metavar="JURISDICTION",
        help="a policy of nothing but a residency: eu, eea, us, a country such as de; may be repeated",
    )


def policy_of(given: argparse.Namespace, **fields: object) -> Policy:
    """The policy that was given: a file, a residency, or none, which allows any location.

    Args:
        fields: further fields for a policy that does not come from a file.

    Raises:
        PolicyError: it is wrong or contradicts itself.
    """
    if given.policy:
        return Policy.load(given.policy)
    residency = [name for names in given.residency or () for name in names.split(",") if name]
    return Policy.of({**({"residency": residency} if residency else {}), **fields})


def day(text: str) -> date:
    """A date argument."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a date like 2026-11-21, got {text!r}") from None


def count(text: str) -> int:
    """A whole number of at least 1."""
    digits = text.replace("_", "")
    if not digits.isdigit() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(digits)
