"""Line charts as SVG, drawn by hand: a picture is not worth a dependency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 360, 55, 30, 200, 35
COLOURS = ("#888888", "#b3541e", "#7a5195", "#bc5090", "#2f7e79", "#4472a8", "#d62728")


def line_chart(file: Path, title: str, across: str, up: str, lines: Mapping[str, Sequence[float]]) -> None:
    """Writes a chart of lines over the same x: 0, 1, 2 ..."""
    most = max((max(line, default=0.0) for line in lines.values()), default=0.0) * 1.05 or 1.0
    last = max(len(line) for line in lines.values()) - 1
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + wide * value / max(last, 1)

    def y(value: float) -> float:
        return TOP + high * (1.0 - value / most)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>',
    ]
    for step in range(6):
        value, at = most * step / 5, last * step / 5
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        parts.append(f'<text x="{x(at):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{at:.0f}</text>')
    parts.append(f'<text x="{LEFT + wide / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(across)}</text>')
    parts.append(f'<text x="8" y="{TOP - 6}">{escape(up)}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        at = TOP + 16 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{at}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 28}" y="{at + 10}">{escape(name)}</text>')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")
