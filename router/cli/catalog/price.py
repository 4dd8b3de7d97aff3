"""`vertex-router catalog price`: what a model costs, what a call costs, and what a load costs that is bought ahead."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from catalog.costs import Amount, Cost, Line, Usage
from catalog.price_table import Rate, rates
from catalog.prices import Prices, load
from catalog.schema import KINDS, MODES, Mode
from catalog.tariff import USES, Range
from catalog.throughput import Need, Term, UnknownThroughput, gsus, per_request, terms, throughput_of
from catalog.usages import usage_of
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import OptionError, add_json, add_on, count
from router.cli.output import Grid, Notes, Screen, print_json

_FLAGS = {
    "input": "tokens of text in, beside those that were cached",
    "output": "tokens of text out, thoughts included",
    "cache_read": "tokens read from a cache",
    "cache_write_5m": "tokens written to a cache for five minutes",
    "cache_write_1h": "tokens written to a cache for an hour",
}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "price",
        help="what a model costs, or what a call costs",
        description="By dated, sourced prices. Without a usage: every rate of the model on a day. With one: what "
        "such a call costs, line by line. With --rps, too: how many units of provisioned throughput (GSU) carry so "
        "many such calls a second, and what those cost. What no source prices is unknown, never zero.",
    )
    parser.add_argument("model", metavar="MODEL", help="a model id, e.g. gemini-3.8-flash")
    usage = parser.add_argument_group("usage")
    for use, words in _FLAGS.items():
        flags = [f"--{use.replace('_', '-')}", *(["--cached"] if use == "cache_read" else [])]
        usage.add_argument(*flags, dest=use, type=count, metavar="N", help=words)
    usage.add_argument(
        "--amount",
        action="append",
        default=[],
        type=_amount,
        metavar="USE:N[:MODALITY[:UNIT]]",
        help="any other use, such as input:500:audio or output:4:image:image; may be repeated",
    )
    usage.add_argument("--answer", metavar="FILE", help="the usage that the body of an answer (JSON; - is stdin) tells")
    usage.add_argument(
        "--context", type=count, metavar="N", help="tokens of the whole context (default: all tokens in)"
    )
    parser.add_argument(
        "--location",
        metavar="LOCATION",
        help=f"a location, or {' or '.join(KINDS[1:])} for any of that kind (default: global for a call, else all)",
    )
    parser.add_argument("--mode", choices=MODES, help="how capacity is bought (default: standard for a call, else all)")
    parser.add_argument(
        "--rps", type=_rate, metavar="N", help="calls a second, to be carried by provisioned throughput"
    )
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the prices, the cost, or the units."""
    prices, usage = load(), _usage(given)
    page: _List | _Call | _Load
    if given.rps is not None:
        page = _Load(prices, usage, given)
    elif usage.amounts:
        page = _Call(prices, usage, given)
    else:
        page = _List(prices, given)
    if given.json:
        print_json(page.data())
    else:
        page.show(Screen())
    return 0


def _usage(given: argparse.Namespace) -> Usage:
    amounts = [Amount(use, getattr(given, use)) for use in USES if use in _FLAGS and getattr(given, use)]
    usage = Usage((*amounts, *given.amount), given.context)
    if given.answer:
        usage += _told(given.answer)
    if given.rps is not None and not usage.amounts:
        raise OptionError("--rps needs the usage of one call: --input, --output, --amount or --answer")
    return usage


def _told(file: str) -> Usage:
    """The usage that the body of an answer tells; of a streamed one, a list of its events."""
    try:
        body = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
        bodies = [each for each in (body if isinstance(body, list) else [body]) if isinstance(each, dict)]
        usage = usage_of(*bodies)
    except (OSError, ValueError) as error:
        raise OptionError(f"{file}: {error}") from None
    if usage is None:
        raise OptionError(f"{file}: expected the body of an answer with `usageMetadata` or `usage`; it has neither")
    return usage


class _List:
    """Every rate of a model."""

    def __init__(self, prices: Prices, given: argparse.Namespace) -> None:
        self._prices, self._given = prices, given
        places = (given.location,) if given.location else ()
        self._rates = rates(prices, given.model, given.on, places, (given.mode,) if given.mode else MODES)
        self._ranges = [each for each in prices.ranges(given.model) if each.holds(given.on)]

    def data(self) -> dict[str, Any]:
        """The list as JSON has it."""
        lines = [rate.line for rate in self._rates]
        return {
            "model": self._given.model,
            "date": self._given.on,
            "rates": [_rate_data(each) for each in self._rates],
            "ranges": [_range_data(each) for each in self._ranges],
            "doubts": _doubts(lines),
            "sources": _sources(self._prices, lines, [each.source for each in self._ranges], self._given),
        }

    def show(self, screen: Screen) -> None:
        """Prints the list for people."""
        notes = Notes()
        screen.line((self._given.model, "bold"), f" on {self._given.on}, USD")
        for mode in MODES:
            if found := [each for each in self._rates if each.mode == mode]:
                screen.line()
                screen.line((mode, "bold"))
                self._table(screen, found, notes)
        for each in self._ranges:
            note = notes.number([cited(self._prices.known, each.source, self._given.on)])
            ends = ", ".join(f"{use} {low} to {high}" for use, (low, high) in _ends(each).items())
            screen.line()
            screen.text(f"preference {each.preference}: {ends} for 1,000,000 tokens, by average {note}")
        if not self._rates and not self._ranges:
            self._nothing(screen)
        for doubt in _doubts(each.line for each in self._rates):
            screen.line()
            screen.text(doubt, style="yellow")
        screen.notes(notes)

    def _table(self, screen: Screen, found: Iterable[Rate], notes: Notes) -> None:
        grid = Grid("where", "context", "USD", "per", "sources", "what")
        before: tuple[str, ...] = ()
        for each in found:
            where = ", ".join(each.locations) if each.locations != before else ""
            before = each.locations
            numbers = notes.digits(_names(self._prices, each.line, self._given))
            what = f"{each.use}{' of ' + ', '.join(each.modalities) if each.modalities else ''}{_back(each.line)}"
            grid.add(where, _span(each), _plain(each.usd), _per(each.per, each.unit), numbers, what)
        screen.grid(grid, 2)

    def _nothing(self, screen: Screen) -> None:
        screen.line()
        screen.text("no price is known")
        if self._prices.of(self._given.model):
            screen.text("there are prices of other days, locations or modes: leave out --location and --mode", 2, "dim")


class _Call:
    """What a call costs."""

    def __init__(self, prices: Prices, usage: Usage, given: argparse.Namespace) -> None:
        self._prices, self._given = prices, given
        mode: Mode = given.mode or "standard"
        self._cost = prices.cost(usage, given.model, given.location or "global", mode, given.on)

    def data(self) -> dict[str, Any]:
        """The cost as JSON has it."""
        cost = self._cost
        return {
            "model": cost.model,
            "location": cost.location,
            "mode": cost.mode,
            "date": cost.on,
            "lines": [_line_data(each) for each in cost.lines],
            "list_usd": _plain(cost.list_usd),
            "credit_usd": _plain(cost.credit_usd),
            "net_usd": _plain(cost.net_usd),
            "credit_until": cost.credit_until,
            "warnings": cost.warnings,
            "sources": _sources(self._prices, cost.lines, (), self._given),
        }

    def show(self, screen: Screen) -> None:
        """Prints the cost for people."""
        cost, notes = self._cost, Notes()
        screen.line((cost.model, "bold"), f" at {cost.location} in {cost.mode} mode on {cost.on}, USD")
        screen.line()
        grid = Grid("what", "quantity", "USD", "per", "costs", "sources")
        for line in cost.lines:
            amount = line.amount
            numbers = notes.digits(_names(self._prices, line, self._given))
            per = _per(line.per, amount.unit)
            grid.add(_what(amount), f"{amount.quantity:,}", _plain(line.usd), per, _plain(line.list_usd), numbers)
        screen.grid(grid, 2)
        screen.line()
        self._sums(screen, cost)
        for warning in cost.warnings:
            screen.text(warning, style="yellow")
        screen.notes(notes)

    def _sums(self, screen: Screen, cost: Cost) -> None:
        screen.line("  costs ", (_plain(cost.list_usd), "bold"))
        if cost.credit_usd:
            until = f", until {cost.credit_until}" if cost.credit_until else ""
            screen.line(f"  of which {_plain(cost.credit_usd)} comes back as credits{until}")
            screen.line("  leaves ", (_plain(cost.net_usd), "bold"))
        for rule in dict.fromkeys(factor for line in cost.lines for factor in line.factors):
            screen.text(
                f"by a rule, x {rule.times} for {', '.join(rule.locations or rule.modes)}: {rule.where}", 2, "dim"
            )


class _Load:
    """How many GSUs a load needs, and what they cost."""

    def __init__(self, prices: Prices, usage: Usage, given: argparse.Namespace) -> None:
        self._given, self._known = given, prices.known
        self._model = self._known.model(given.model)
        self._throughput = throughput_of(self._model, given.on, int(usage.context or 0))
        self._need = gsus(self._throughput, given.rps, per_request(self._throughput, usage))
        self._terms: tuple[Term, ...] = ()
        self._unknown = ""
        try:
            self._terms = terms(self._need.gsus, self._model.publisher, given.on, prices.tariff.commitment)
        except UnknownThroughput as error:
            self._unknown = str(error)

    def data(self) -> dict[str, Any]:
        """The answer as JSON has it."""
        names = [self._throughput.source, *(each.commitment.source for each in self._terms)]
        return {
            "model": self._model.id,
            "date": self._given.on,
            "requests_per_second": str(self._given.rps),
            "units_per_second": float(self._need.per_second),
            "units_per_second_of_a_gsu": self._throughput.per_second,
            "exact_gsus": float(self._need.exact),
            "gsus": self._need.gsus,
            "minimum_gsus": self._throughput.minimum_gsu,
            "terms": [_term_data(each) for each in self._terms],
            "unknown": self._unknown or None,
            "sources": sources_data(self._known, names, self._given.on),
        }

    def show(self, screen: Screen) -> None:
        """Prints the answer for people."""
        given, need, notes = self._given, self._need, Notes()
        note = notes.number([cited(self._known, self._throughput.source, given.on)])
        screen.line((self._model.id, "bold"), f", {given.rps} calls a second, on {given.on}")
        screen.line()
        screen.line("  ", (f"{need.gsus} GSU", "bold"), f": {_sum(need, self._throughput.per_second)} {note}")
        if least := self._throughput.minimum_gsu:
            screen.line(f"  at least {least} are sold")
        screen.line()
        if self._unknown:
            screen.text(self._unknown, 2, "yellow")
        else:
            grid = Grid("term", "USD", "for each", "in all", "sources")
            for each in self._terms:
                number = notes.digits([cited(self._known, each.commitment.source, given.on)])
                period, whole = each.commitment.period, _money(each.total_usd)
                grid.add(each.commitment.term, _money(each.usd), period, whole, number)
            screen.grid(grid, 2)
        screen.notes(notes)


def _sum(need: Need, each: Decimal) -> str:
    return f"{float(need.per_second):,.10g} units a second / {each:,} of a GSU = {float(need.exact):,.2f}"


def _amount(text: str) -> Amount:
    """One `--amount`."""
    use, number, modality, unit, *more = [*text.split(":"), "", "", ""]
    try:
        quantity = Decimal(number.replace("_", ""))
        amount = Amount(use, quantity, modality or "text", unit or "token")  # type: ignore[arg-type]  # it checks them
    except InvalidOperation:
        why = f"{number!r} is not a number"
    except ValueError as error:
        why = str(error)
    else:
        if not any(more):
            return amount
        why = "it has too many parts"
    raise argparse.ArgumentTypeError(f"expected USE:N[:MODALITY[:UNIT]], got {text!r}: {why}")


def _rate(text: str) -> Decimal:
    """One `--rps`."""
    try:
        rate = Decimal(text.replace("_", ""))
    except InvalidOperation:
        rate = Decimal()
    if not rate.is_finite() or rate <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return rate


def _doubts(lines: Iterable[Line]) -> list[str]:
    """What to know before relying on prices, each said once."""
    claims = {id(claim): claim for line in lines for claim in line.claims()}.values()
    found = [f"evidence of low confidence: {each.source}, {each.where}" for each in claims if each.confidence == "low"]
    found += [f"sources differ: {text}" for each in claims if (text := getattr(each, "conflict", ""))]
    found += [f"free: {text}" for each in claims if (text := getattr(each, "free", ""))]
    return list(dict.fromkeys(found))


def _names(prices: Prices, line: Line, given: argparse.Namespace) -> list[str]:
    return [cited(prices.known, claim.source, given.on) for claim in line.claims()]


def _sources(prices: Prices, lines: Iterable[Line], others: Iterable[str], given: argparse.Namespace) -> dict[str, Any]:
    names = [claim.source for line in lines for claim in line.claims()]
    return sources_data(prices.known, [*names, *others], given.on)


def _rate_data(rate: Rate) -> dict[str, Any]:
    first, last = rate.context
    return {
        "mode": rate.mode,
        "locations": rate.locations,
        "min_context_tokens": first or None,
        "max_context_tokens": last,
        "use": rate.use,
        "modalities": rate.modalities,
        "unit": rate.unit,
        "per": rate.per,
        "usd": _plain(rate.usd),
        **_evidence(rate.line),
    }


def _line_data(line: Line) -> dict[str, Any]:
    amount = line.amount
    return {
        "use": amount.use,
        "modality": amount.modality,
        "quantity": str(amount.quantity),
        "unit": amount.unit,
        "per": line.per,
        "usd": _plain(line.usd),
        "list_usd": _plain(line.list_usd),
        "credit_usd": _plain(line.credit_usd),
        **_evidence(line),
    }


def _evidence(line: Line) -> dict[str, Any]:
    return {
        "source": line.source,
        "where": line.price.where,
        "checked": line.price.checked,
        "confidence": line.price.confidence,
        "rules": [{"times": _plain(each.times), "source": each.source, "where": each.where} for each in line.factors],
        "credit": {"share": _plain(line.credit.share), "until": line.credit.until} if line.credit else None,
    }


def _range_data(found: Range) -> dict[str, Any]:
    ends = {use: [_plain(low), _plain(high)] for use, (low, high) in _ends(found).items()}
    return {"preference": found.preference, **ends, "per": 1_000_000, "source": found.source}


def _ends(found: Range) -> dict[str, tuple[Decimal, Decimal]]:
    return {"input": found.input, "output": found.output}


def _term_data(found: Term) -> dict[str, Any]:
    one = found.commitment
    return {
        "term": one.term,
        "period": one.period,
        "usd": _plain(found.usd),
        "total_usd": _plain(found.total_usd),
        "source": one.source,
    }


def _span(rate: Rate) -> str:
    first, last = rate.context
    if last is not None:
        return f"<= {last:,}"
    return f">= {first:,}" if first else "any"


def _back(line: Line) -> str:
    credit = line.credit
    return f" ({_plain(credit.share * 100)} % back as credits until {credit.until})" if credit else ""


def _what(amount: Amount) -> str:
    return amount.use if amount.unit in ("query", "search", "grounded_prompt") else f"{amount.use} of {amount.modality}"


def _per(per: int, unit: str) -> str:
    return unit if per == 1 else f"{per:,} {unit}"


def _plain(amount: Decimal) -> str:
    """All digits that count, without an exponent."""
    return f"{amount.normalize():f}" if amount else "0"


def _money(amount: Decimal) -> str:
    return f"{amount.normalize():,f}"
