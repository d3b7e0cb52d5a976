"""Covered against budget as a table in Markdown and as a picture in SVG, which shows itself in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

# System → budget → share covered.
Covered = Mapping[str, Mapping[int, float]]

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 170, 44, 48
# Between the lines of two labels.
APART = 17
# A colour each for light and dark; the first system stands out, by its width too.
COLOURS = [
    ("#1a5fd0", "#6ea8ff"),
    ("#b4530a", "#f0a35e"),
    ("#1f7a4d", "#62c796"),
    ("#8a3fa0", "#cf94e2"),
    ("#6b7280", "#a3aab5"),
]


def table(covered: Covered, budgets: Sequence[int]) -> str:
    """A row a system, a column a budget, in whole percent; the best of each column is bold."""
    best = {budget: max(round(100 * row[budget]) for row in covered.values()) for budget in budgets}
    lines = [
        f"| tokens of passages | {' | '.join(f'{budget:,}' for budget in budgets)} |",
        "|---" * (len(budgets) + 1) + "|",
    ]
    for system, row in covered.items():
        shares = {budget: round(100 * row[budget]) for budget in budgets}
        cells = [f"**{share} %**" if share == best[budget] else f"{share} %" for budget, share in shares.items()]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def svg(covered: Covered, budgets: Sequence[int], title: str) -> str:
    """One line a system over the budgets, on a logarithmic axis, each with its name at its end."""
    across = {budget: _across(budget, budgets) for budget in budgets}
    parts = [*_head(title, covered), *_axes(across)]
    ends = {system: _down(row[max(budgets)]) for system, row in covered.items()}
    # The first is drawn last: it lies above the others.
    for number, (system, at) in reversed(list(enumerate(spread(ends).items()))):
        row = covered[system]
        points = [(across[budget], _down(row[budget])) for budget in budgets]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line c{number}" points="{path}"/>')
        parts += [
            f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{escape(system)}, {budget:,} tokens: '
            f"{100 * row[budget]:.0f} %</title></circle>"
            for (x, y), budget in zip(points, budgets, strict=True)
        ]
        x, y = points[-1]
        parts.append(f'<path class="lead c{number}" d="M{x + 5:.1f},{y:.1f} L{x + 15:.1f},{at:.1f}"/>')
        parts.append(f'<text class="name c{number}" x="{x + 19:.1f}" y="{at + 4:.1f}">{escape(system)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def spread(ends: Mapping[str, float]) -> dict[str, float]:
    """Where labels stand, in the order given: as near to the ends of their lines as they can, and APART from each other."""
    placed: dict[str, float] = {}
    last = TOP - APART
    for system in sorted(ends, key=lambda name: ends[name]):
        last = placed[system] = max(ends[system], last + APART)
    # What was pushed below the axis moves up again, and pushes those above it.
    floor = float(HEIGHT - BOTTOM)
    for system in sorted(placed, key=lambda name: -placed[name]):
        placed[system] = min(placed[system], floor)
        floor = placed[system] - APART
    return {system: placed[system] for system in ends}


def _across(budget: int, budgets: Sequence[int]) -> float:
    least, most = math.log(min(budgets)), math.log(max(budgets))
    part = (math.log(budget) - least) / (most - least) if most > least else 1.0
    return LEFT + 12 + part * (WIDTH - LEFT - RIGHT - 12)


def _down(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _head(title: str, covered: Covered) -> list[str]:
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(covered))]
    lights = " ".join(f".c{number}{{color:{light}}}" for number, (light, _) in enumerate(colours))
    darks = " ".join(f".c{number}{{color:{dark}}}" for number, (_, dark) in enumerate(colours))
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>",
        "svg{font:13px system-ui,sans-serif} text{fill:#24292f} .grid{stroke:#d8dee4}",
        ".line,.lead{fill:none;stroke:currentColor;stroke-width:2} .lead{stroke-width:1} .line.c0{stroke-width:3.5}",
        "circle,.name{fill:currentColor} .head,.name.c0{font-weight:600}",
        lights,
        f"@media (prefers-color-scheme:dark){{text{{fill:#e6edf3}} .grid{{stroke:#3d444d}} {darks}}}",
        "</style>",
        f'<text class="head" x="{LEFT - 40}" y="22">{escape(title)}</text>',
    ]


def _axes(across: Mapping[int, float]) -> list[str]:
    parts = []
    for percent in (0, 25, 50, 75, 100):
        y = _down(percent / 100)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    for budget, x in across.items():
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{budget:,}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">tokens of passages in the prompt</text>'
    )
    return parts
