"""A measured figure beside what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Figure:
    """`asked` is a bound, or None for a figure that only explains others; `most` says that it is an upper one."""

    name: str
    measured: float
    unit: str
    asked: float | None = None
    most: bool = False

    @property
    def met(self) -> bool:
        if self.asked is None:
            return True
        return self.measured <= self.asked if self.most else self.measured >= self.asked

    def __str__(self) -> str:
        line = f"  {self.name:<58} {_number(self.measured):>10} {self.unit:<10}"
        if self.asked is None:
            return line.rstrip()
        bound = f"{'at most' if self.most else 'at least'} {_number(self.asked)}"
        return f"{line} asked: {bound:<14} {'met' if self.met else 'NOT MET'}"


def told(title: str, figures: list[Figure]) -> None:
    """Print a bench's figures."""
    click.echo(f"\n{title}")
    for figure in figures:
        click.echo(str(figure))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
