"""What people see of a batch: how it stands, how it ended, and what it would take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from router.batch.forecast import Forecast, Part, Way
from router.batch.summary import Summary, Tally
from router.cli.output import Screen, counted

Progress = Callable[[Tally], object]

_LINE_EVERY_S = 10.0
_WIDTHS = {"rows/s": 0, "429s": 60, "answered": 100}
"""The figures of each location, and how many columns there must be for them: the state comes first."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows on standard error how a batch stands: a live view on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Lines()
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda tally: live.update(view(tally, console.width))


class Lines:
    """Plain lines, ten seconds apart."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __call__(self, tally: Tally) -> None:
        """Tells how it stands, if it is time."""
        if tally.summary.seconds >= self._next_s:
            self._next_s = tally.summary.seconds + _LINE_EVERY_S
            rates, standing = tally.rates(), sorted(tally.standing.items())
            places = (
                f"; {place} {stand.text if stand.closed else f'{rates.get(place, 0.0):.1f}/s'}"
                for place, stand in standing
            )
            with suppress(OSError):  # whether anybody reads it is no matter of the batch
                print(f"{_rows(tally)}, {_spent(tally.summary)}{''.join(places)}", file=sys.stderr, flush=True)


def view(tally: Tally, width: int) -> Group:
    """How a batch stands, for a terminal of so many columns: every location has its line, with why it is slow."""
    summary, rates = tally.summary, tally.rates()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, expand=True)
    table.add_column("location", no_wrap=True)
    headings = [heading for heading, least in _WIDTHS.items() if width >= least]
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("state", ratio=1)
    for place in sorted({*summary.locations, *tally.standing}):
        stand = tally.standing.get(place)
        counts = summary.throttled_at.get(place, 0), summary.locations.get(place, 0)
        cells = f"{rates.get(place, 0.0):.1f}", *map("{:,}".format, counts)
        table.add_row(
            place,
            *cells[: len(headings)],
            stand.text if stand else "",
            style="yellow" if stand and stand.closed else "",
        )
    stopping = [Text(f"ending: {summary.stopped}", "yellow")] if summary.stopped else []
    bar = Table.grid(expand=True)  # a bar alone has no end of line
    bar.add_row(ProgressBar(total=summary.rows, completed=summary.done, pulse=summary.rows is None))
    return Group(bar, Text(_rows(tally)), Text(_spent(summary)), *stopping, table)


def _rows(tally: Tally) -> str:
    summary, eta_s = tally.summary, tally.eta_s()
    of = f" of {summary.rows:,}" if summary.rows is not None else ""
    left = f", about {span(eta_s)} left" if eta_s is not None else ""
    return f"{summary.done:,}{of} rows, {sum(tally.rates().values()):.1f}/s{left}"


def _spent(summary: Summary) -> str:
    retries = max(0, summary.attempts - summary.asked)
    return f"{summary.usd:.4f} USD, {retries:,} retries, {summary.failed:,} rows without an answer"


def span(total_s: float) -> str:
    """A time in words."""
    minutes, seconds = divmod(round(total_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def show_end(summary: Summary, output: str, most_usd: Decimal | None, screen: Screen) -> None:
    """How a batch ended, and what to do next; `most_usd` is what it may cost, if that is limited."""
    for line in str(summary).splitlines():
        screen.text(line)
    screen.text(f"written to {output}")
    if summary.stopped:
        spent = most_usd is not None and summary.usd >= most_usd
        screen.text(f"the same command goes on from here{', with a higher --max-cost' if spent else ''}")
    elif summary.states.get("failed"):
        screen.text("with --retry-failed, the same command asks the failed rows again")


def show_plan(found: Forecast, screen: Screen) -> None:
    """What a batch would take and cost, both ways."""
    screen.line((counted(found.rows, "row"), "bold"))
    screen.text(found.basis, 2, "dim")
    if found.poisoned:
        screen.text(f"about {found.poisoned:,} rows can't be asked", 2, "yellow")
    for part in found.parts:
        screen.line()
        _show_part(part, found, screen)
    screen.line()
    screen.text(found.advice)


def _show_part(part: Part, found: Forecast, screen: Screen) -> None:
    about = f"{counted(part.rows, 'row')}, about {part.input_tokens:,} tokens in and {part.output_tokens:,} out"
    screen.line((part.model, "bold"), f": {about}")
    unmeasured = "depends on capacity; an output (-o) of a first part tells its rate"
    time = f"about {span(found.seconds)} for all rows" if found.seconds is not None else unmeasured
    _show_way("row by row", part.online, time, screen)
    _show_way("as a batch prediction job", part.job, "no time is promised; often hours", screen)


def _show_way(name: str, way: Way, time: str, screen: Screen) -> None:
    screen.line("  ", (name, "bold"))
    if way.refused:
        screen.text(f"not possible: {way.refused}", 4)
        return
    screen.text(f"cost: {_cost(way)}", 4)
    screen.text(f"time: {time}", 4)
    screen.text(f"at: {', '.join(way.locations)}", 4)


def _cost(way: Way) -> str:
    if way.usd is None:
        return "not known"
    dearer = f"; at the dearest location {_money(way.most_usd)}" if way.most_usd and way.most_usd > way.usd else ""
    return f"{_money(way.usd)} USD by list price{dearer}"


def _money(usd: Decimal) -> str:
    return f"{usd:,.2f}" if usd >= 1 else f"{usd:.4f}"
