"""Choosing what to send: the units of most worth a token, under a budget.

A knapsack whose items are stretches of neighbouring units: a stretch costs its header once, so a neighbour of what is
chosen is cheap, and a second stretch of the same document costs less than the first. Taken greedily by worth a token, which
is optimal up to the last item (Dantzig 1957, "Discrete-variable extremum problems").
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from query.passages import Unit, normalised

# Units of a stretch that are taken at once.
LONGEST = 8
# Worth of what nobody knows the worth of, shared by ranks: it fills what room is left, in the order of the hits.
NEXT_TO_NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Move:
    """Units `first` to `last` of a run that are taken together; `cost` is about what they add, in tokens."""

    run: int
    first: int
    last: int
    cost: int
    ratio: float


@dataclass(frozen=True, slots=True)
class _Best:
    """The best move in a run, None when there is none, under a budget; `named` says whether its document is in the prompt."""

    move: Move | None
    budget: int
    named: bool


class Choice:
    """Which units of some runs are taken, and in which order they were.

    `count` gives the tokens of a text; `headers` what a header costs, with its document's name and without, for a unit.
    """

    def __init__(
        self, runs: Sequence[Sequence[Unit]], count: Callable[[str], int], headers: Callable[[Unit], tuple[int, int]]
    ) -> None:
        self.runs = runs
        self.moves: list[Move] = []
        self._taken = [[False] * len(run) for run in runs]
        self._twins = _twins(runs)
        self._worth = [[max(unit.part.worth, NEXT_TO_NOTHING / (1 + unit.rank)) for unit in run] for run in runs]
        self._costs: list[list[int] | None] = [None] * len(runs)
        self._found: list[_Best | None] = [None] * len(runs)
        self._header_costs: list[tuple[int, int] | None] = [None] * len(runs)
        self._documents: dict[int, int] = {}
        self._count, self._headers = count, headers

    def units(self) -> list[Unit]:
        """The units that are taken."""
        return [unit for run, taken in zip(self.runs, self._taken, strict=True)
                for unit, is_taken in zip(run, taken, strict=True) if is_taken]  # fmt: skip

    def left(self) -> list[Unit]:
        """The units that are not taken and say something new, the best first."""
        found = [
            (self._worth[number][place], unit)
            for number, run in enumerate(self.runs)
            for place, unit in enumerate(run)
            if not self._taken[number][place] and self.twin(unit) is None
        ]
        return [unit for _, unit in sorted(found, key=lambda pair: -pair[0])]

    def twin(self, unit: Unit) -> Unit | None:
        """The unit that has these very words and stands better."""
        return self._twins.get(unit)

    def fill(self, budget: int) -> int:
        """Take units while there is room, the most worth a token first. Returns what they cost by estimate."""
        spent = 0
        heap: list[tuple[float, int, int, Move]] = []
        for number in range(len(self.runs)):
            self._push(heap, number, budget)
        while heap:
            _, number, documents, move = heapq.heappop(heap)
            known = self._documents.get(self.runs[number][0].document_id, 0)
            if move.cost <= budget - spent and bool(documents) == bool(known):
                spent += move.cost
                self._take(move)
            # What cost too much, or costs less by now, may do in another form.
            self._push(heap, number, budget - spent)
        return spent

    def undo(self) -> Move | None:
        """Give back what was taken last."""
        if not self.moves:
            return None
        move = self.moves.pop()
        self._mark(move, taken=False)
        return move

    def _push(self, heap: list[tuple[float, int, int, Move]], number: int, budget: int) -> None:
        known = self._documents.get(self.runs[number][0].document_id, 0)
        found = self._found[number]
        # What was best under a larger budget still is, if it fits: nothing else has become cheaper.
        if not (
            found
            and found.named == bool(known)
            and found.budget >= budget
            and (not found.move or found.move.cost <= budget)
        ):
            found = self._found[number] = _Best(self._best(number, budget), budget, named=bool(known))
        if (move := found.move) is not None:
            heapq.heappush(heap, (-move.ratio, number, known, move))

    def _take(self, move: Move) -> None:
        self.moves.append(move)
        self._mark(move, taken=True)

    def _mark(self, move: Move, *, taken: bool) -> None:
        self._found[move.run] = None
        self._taken[move.run][move.first : move.last + 1] = [taken] * (move.last + 1 - move.first)
        document = self.runs[move.run][0].document_id
        self._documents[document] = self._documents.get(document, 0) + (1 if taken else -1)

    def _best(self, number: int, budget: int) -> Move | None:
        """The move in a run that is worth most a token, of those that the budget allows."""
        run, taken, worth = self.runs[number], self._taken[number], self._worth[number]
        if all(taken):
            return None
        costs = self._costs[number]
        if costs is None:
            # A space or a line break stands between two of them, and often costs nothing of its own.
            costs = self._costs[number] = [self._count(" " + unit.text) for unit in run]
        full, short = self._header_costs[number] = self._header_costs[number] or self._headers(run[0])
        header = short if self._documents.get(run[0].document_id) else full
        best: Move | None = None
        for first in range(len(run)):
            total, gain = 0, 0.0
            for last in range(first, min(first + LONGEST, len(run))):
                if taken[last]:
                    break
                total += costs[last]
                gain += 0.0 if run[last] in self._twins else worth[last]
                beside = (first > 0 and taken[first - 1]) + (last + 1 < len(run) and taken[last + 1])
                # One end that touches what is taken saves a header; both, and two stretches become one.
                cost = max(1, total + (header, 0, -short)[beside])
                if cost > budget and not beside:
                    break
                said = run[last] not in self._twins and run[first] not in self._twins
                if (said or beside == 2) and cost <= budget and (best is None or gain / cost > best.ratio):
                    best = Move(number, first, last, cost, gain / cost)
        return best


def _twins(runs: Sequence[Sequence[Unit]]) -> dict[Unit, Unit]:
    """Units whose very words stand in another unit as well, with the one that is kept: the best."""
    first: dict[str, Unit] = {}
    twins: dict[Unit, Unit] = {}
    for unit in sorted((unit for run in runs for unit in run), key=lambda unit: (-unit.part.worth, unit.rank)):
        kept = first.setdefault(normalised(unit.text), unit)
        if kept is not unit:
            twins[unit] = kept
    return twins
