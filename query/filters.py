"""Filters: which documents a question may be answered from. They hold before anything is ranked, not after."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from indexer.errors import PinciteError

if TYPE_CHECKING:
    from indexer.entries import Place
    from indexer.library import Library

# Names that are given as examples when a filter fits none.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Filter:
    """What a document must be: each field that is not empty, by any of its values.

    `within` are names, or the beginnings of names up to a slash, as `pincite list` has them, or paths from here; `types` suffixes
    (`pdf`) or media types (`application/pdf`); `after` and `before` dates, YYYY, YYYY-MM or YYYY-MM-DD, between which the file was
    last changed: from the first day of `after` on, and up to the last before `before`; `tags` in whatever case. What a source
    gave without a date is in no span of time. A single name, type or tag may be given as it is.
    """

    within: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    after: str = ""
    before: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("within", "types", "tags"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))

    def __bool__(self) -> bool:
        return any((self.within, self.types, self.after, self.before, self.tags))

    def __str__(self) -> str:
        """As it is given on the command line."""
        told = [f"--in {name}" for name in self.within] + [f"--type {kind}" for kind in self.types]
        told += [f"--tag {tag}" for tag in self.tags]
        told += [f"--{name} {value}" for name, value in (("after", self.after), ("before", self.before)) if value]
        return " ".join(told)

    def documents(self, library: Library) -> dict[int, str]:
        """The ids of the documents that fit, each with the first of its names that does: equal files are one document.

        Raises PinciteError when none fits, with what there is, or when a date is none.
        """
        places = library.places()
        names: dict[int, str] = {}
        tagged = library.tagged(self.tags) if self.tags else None
        for place in self._fitting(places):
            if tagged is not None and place.document_id not in tagged:
                continue
            names.setdefault(place.document_id, place.source)
        if not names:
            raise PinciteError(f"No document fits {self}.", _instead(places, library.tags() if self.tags else []))
        return names

    def _fitting(self, places: list[Place]) -> Iterator[Place]:
        kinds = {kind.lower() if "/" in kind else f".{kind.lower().lstrip('.')}" for kind in self.types}
        names = [name.rstrip("/") for name in self.within]
        paths = [os.path.abspath(name) for name in self.within]  # noqa: PTH100
        after = _first_day("--after", self.after) if self.after else -float("inf")
        before = _first_day("--before", self.before) if self.before else float("inf")
        for place in places:
            if kinds and place.kind not in kinds and place.media_type not in kinds:
                continue
            if names and not (_below(place.source, names) or _below(place.location, paths)):
                continue
            if (self.after or self.before) and (place.changed is None or not after <= place.changed < before):
                continue
            yield place


def _below(name: str, starts: Sequence[str]) -> bool:
    return any(name == start or name.startswith(os.path.join(start, "")) for start in starts)  # noqa: PTH118


def _first_day(option: str, value: str) -> float:
    """The first moment of a day, month or year, in seconds since 1970, by the clock of this machine."""
    parts = value.split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "1", "1")[:3])
        if len(parts) > 3:
            raise ValueError
        return datetime.combine(date(year, month, day), datetime.min.time()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise PinciteError(f"{option} {value}: that is no date.", "Give YYYY, YYYY-MM or YYYY-MM-DD.") from error


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _instead(places: list[Place], tags: list[str]) -> str:
    """What a library has, for somebody whose filter fits nothing."""
    if not places:
        return "The library is empty."
    kinds = sorted({place.kind.lstrip(".") for place in places if place.kind})
    tops = sorted({place.source.partition("/")[0] for place in places})
    times = [place.changed for place in places if place.changed is not None]
    told = [f"types {_some(kinds)}", f"names that begin with {_some(tops)}"]
    if tags:
        told.insert(0, f"tags {_some(tags)}")
    if times:
        first, last = (datetime.fromtimestamp(at, UTC).astimezone().date() for at in (min(times), max(times)))
        told.append(f"files changed from {first} to {last}")
    return f"There are {'; '.join(told)}."
