"""What is offered to the packer and to the built-in answerer: the hits of a question and of its parts, with what was read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from indexer.records import Hit, Hits

if TYPE_CHECKING:
    from query.reader import Reading


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that asks one thing: its hits with the worth of their parts, and what the reader made of some, by chunk.

    `readings` is None without a reader.
    """

    hits: Hits
    readings: Mapping[int, Reading] | None

    @property
    def question(self) -> str:
        """What it asks."""
        return self.hits.question


@dataclass(frozen=True, slots=True)
class Offer:
    """The hits for a whole question, and for each thing that it asks: itself, when that is one."""

    hits: Hits
    parts: tuple[Asked, ...]

    @property
    def question(self) -> str:
        """The whole question."""
        return self.hits.question

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> Offer:
        """The offer of a question: what its parts find, and the whole last; of one that has no parts, the whole alone."""
        if len(asked) == 1:
            return cls(asked[0].hits, (asked[0],))
        return cls(_together([one.hits for one in asked]), tuple(asked[:-1]))


def _together(offers: Sequence[Hits]) -> Hits:
    """What the parts of a question offer: each one's best hits in turn, a text worth the mean of what it is for all of them."""
    worth: dict[tuple[int, int, int], float] = {}
    for hits in offers:
        seen = set()
        for hit in hits:
            for part in hit.parts:
                key = (hit.chunk.document_id, part.start, part.end)
                if key not in seen:
                    seen.add(key)
                    worth[key] = worth.get(key, 0.0) + part.worth / len(offers)
    found: dict[int, Hit] = {}
    for row in zip_longest(*offers):
        for hit in row:
            if hit is not None and hit.chunk.id not in found:
                document_id = hit.chunk.document_id
                parts = tuple(replace(part, worth=worth[document_id, part.start, part.end]) for part in hit.parts)
                found[hit.chunk.id] = replace(hit, parts=parts)
    took = {stage: sum(hits.took_ms.get(stage, 0.0) for hits in offers) for stage in offers[0].took_ms}
    return Hits(offers[-1].question, tuple(found.values()), took)
