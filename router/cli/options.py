"""Arguments that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, date, datetime

from catalog import Catalog, load
from router.auditing import Auditing
from router.errors import RouterError
from router.policy import Policy


class OptionError(RouterError):
    """Arguments that are wrong together."""


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


def add_audit(parser: argparse.ArgumentParser) -> None:
    """Adds the file on which decisions and attempts are kept."""
    parser.add_argument(
        "--audit",
        metavar="FILE",
        help="keep every decision and attempt on record in this file (see docs/audit.md); {pid} in its name becomes "
        "the number of the process",
    )


def add_overlay(parser: argparse.ArgumentParser) -> None:
    """Adds the project's own file over the catalog."""
    parser.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="FILE",
        help="the project's own TOML over the catalog: reservations, denials, measured claims; may be repeated",
    )


def catalog_of(given: argparse.Namespace) -> Catalog:
    """The shipped catalog, with the overlays that were given over it.

    Raises:
        InvalidCatalog: an overlay does not validate.
    """
    return load(overlay=given.overlay)


def policy_of(given: argparse.Namespace, **fields: object) -> Policy:
    """The policy that was given: a file, a residency, or none, which allows any location. With `--audit`, kept there.

    Args:
        fields: further fields for a policy that does not come from a file.

    Raises:
        PolicyError: it is wrong or contradicts itself.
        OptionError: `--residency` names nothing, or `--audit` no file.
    """
    if given.policy is not None:
        policy = Policy.load(given.policy)
    else:
        residency = [name for names in given.residency or () for name in names.split(",") if name.strip()]
        if given.residency and not residency:
            raise OptionError("`--residency` names nothing; is a variable empty? Leave it out to allow any location")
        policy = Policy.of({**({"residency": residency} if residency else {}), **fields})
    file = getattr(given, "audit", None)
    if file is None:
        return policy
    if not file:
        raise OptionError("`--audit` names no file; is a variable empty? Leave it out to keep no record")
    settings = policy.auditing.as_dict() if policy.auditing else {}
    try:
        return replace(policy, audit=Auditing(**{**settings, "file": file}))
    except ValueError as error:
        raise OptionError(f"--audit: {error}") from None


def add_on(parser: argparse.ArgumentParser) -> None:
    """Adds the day asked about."""
    parser.add_argument("--on", type=day, default=today(), metavar="DATE", help="the day asked about (default: today)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds the choice of JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def today() -> date:
    """The date in UTC."""
    return datetime.now(UTC).date()


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
