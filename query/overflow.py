"""What a refusal for length teaches: how much a model's server takes, and how its count compares with ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from indexer.errors import ModelError
from indexer.records import Count, Message, Pack
from query.tokens import TokenCounter

# What a smaller prompt may cost above the ratio of the refused one: its words are others, and of another kind perhaps.
SLACK = 1.05


@dataclass(frozen=True, slots=True)
class Limit:
    """What to hold to from now on, and the line that tells of it."""

    window: int
    counter: TokenCounter
    note: str


class ScaledCounter:
    """A counter whose counts were found too low, times what the server counted for each of its tokens."""

    count: Count = "estimate"

    def __init__(self, base: TokenCounter, ratio: float) -> None:
        self.name, self.base, self.ratio = base.name, base, ratio

    def text(self, text: str) -> int:
        """The tokens of a text alone."""
        return ceil(self.ratio * self.base.text(text))

    def messages(self, messages: Sequence[Message]) -> int:
        """The tokens of the whole prompt as sent."""
        return ceil(self.ratio * self.base.messages(messages))


def learned(error: ModelError, packed: Pack, counter: TokenCounter) -> Limit | None:
    """The limit that the refusal of a prompt tells; None for another error, or one that tells nothing tighter.

    `packed` is what was refused, counted by `counter`. A server that counted more than we did shows our count to be too
    low, whatever its kind: the name of a model may stand for another's tokenizer.
    """
    if not error.overflow:
        return None
    window = min(packed.window, error.window or packed.window)
    excess = (error.prompt or 0) / max(1, packed.prompt_tokens)
    if window == packed.window and excess <= 1:
        return None
    note = f"the model's server takes {window:,} tokens: the prompt was packed anew for that"
    if excess <= 1:
        return Limit(window, counter, note)
    # Ratios multiply, and a count that was scaled before is scaled once: rounding up twice would add a token a text.
    base, before = (counter.base, counter.ratio) if isinstance(counter, ScaledCounter) else (counter, 1.0)
    more = f"{note}, and its count is taken as {excess:.2f} of ours"
    return Limit(window, ScaledCounter(base, before * excess * SLACK), more)
