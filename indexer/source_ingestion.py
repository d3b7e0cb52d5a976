"""Ingest what a reader of LlamaIndex loads: documents that come ready-made, told apart from run to run by their identity."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from indexer.embedding import embedder_of
from indexer.entries import FileState
from indexer.errors import PinciteError, ReadError
from indexer.ingestion import catching_up, refresh, settle_leaving, tag_those_at, told_in
from indexer.intake import Intake
from indexer.languages import detect
from indexer.naming import numbered
from indexer.report import Progress, Report
from indexer.sync import SUSPICIOUS

if TYPE_CHECKING:
    from indexer.embedding import Embedder
    from indexer.entries import Entry
    from indexer.library import Library
    from indexer.readers.llama.connectors import Fetched, Source
    from indexer.records import Document


def ingest_source(
    library: Library, source: Source, embedder: Embedder | None = None, *, prune: bool = False,
    tags: Sequence[str] = (), wait: float = 0.0, on_progress: Callable[[Progress], None] | None = None,
) -> Report:  # fmt: skip
    """Load a source's documents: new ones added, changed ones replaced; with `prune`, those it no longer has are removed;
    `tags` are given to all that it has.

    Ctrl-C ends it at once, with `interrupted` set in the report. Raises PinciteError when the reader
    fails, IngestError when something was stored before: it stays, and nothing is taken for vanished.
    """
    report = Report()
    with library.writing(wait):
        embedder = embedder or embedder_of(library)
        library.bind(embedder)
        with told_in(report):
            intake = Intake(library, embedder, report, total=0, on_progress=on_progress, on_stored=catching_up(library))
            with intake:
                try:
                    names, nameless = _fetch(library, source, intake, report)
                except PinciteError:
                    # The connection may have broken after a thousand pages: they are good.
                    intake.finish()
                    refresh(library)
                    raise
                intake.finish()
            intake.tell("")
            if nameless:
                report.warnings.append(
                    f"of {nameless:,} documents that could not be read it is not known which they are, so none is taken for "
                    "vanished"
                )
            else:
                _vanished(library, source, names, report, prune=prune)
            _rename(library, names, report)
            tag_those_at(library, names, tags)
            refresh(library)
    return report


def _fetch(library: Library, source: Source, intake: Intake, report: Report) -> tuple[dict[str, str], int]:
    """Take in what is new or changed. Returns the locations of all that the source has, with what it calls them, and how many
    of those that could not be read have nothing but their text to be told apart by: each may be any that the library has.
    """
    entries = library.entries()
    known = {entry.location: entry for entry in entries}
    taken = {entry.source: entry.location for entry in entries}
    failed = {failure.location for failure in library.failures()}
    names: dict[str, str] = {}
    nameless = 0
    for found in source.fetch():
        one = _as_before(found, known, names)
        names[one.location] = one.source
        nameless += one.problem is not None and not one.lasting
        entry = known.get(one.location)
        if one.problem is None and entry is not None and entry.sha256 == one.sha256:
            report.unchanged += 1
            report.formats[source.name].unchanged += 1
            if one.location in failed:
                library.touch([_state(one, entry.source, source)])
            continue
        name = (
            entry.source
            if entry
            else next(free for free in numbered(one.source) if taken.get(free, one.location) == one.location)
        )
        taken[name] = one.location
        intake.add(_state(one, name, source), _outcome(one), updates=entry is not None)
    return names, nameless


def _as_before(one: Fetched, known: Mapping[str, Entry], names: Container[str]) -> Fetched:
    """Of documents with one identity the first has it bare, the others with their text's hash (`Source.fetch`).

    Which of them is first may be another one than before: those whose text has not changed keep their locations.
    """
    from indexer.readers.llama.connectors import TEXT_MARK, told_by_text

    bare, shared, _ = one.location.rpartition(TEXT_MARK)
    location, hashed = one.location, told_by_text(one.location, one.sha256)
    if shared:
        before = known.get(bare) if location not in known and bare not in names else None
        location = bare if before and before.sha256 == one.sha256 else location
    elif hashed in known and (location not in known or known[location].sha256 != one.sha256):
        location = hashed
    # Two of one text are two documents.
    location = next(free for free in numbered(location) if free not in names)
    return one if location == one.location else replace(one, location=location, lasting=False)


def _state(one: Fetched, name: str, source: Source) -> FileState:
    # Without a hash the version that was read before stays: a page that can't be fetched today may well be there.
    sha256 = one.sha256 if one.problem is None else ""
    return FileState(name, one.location, sha256, len(one.document.text) if one.document else 0, -1, source.name)


def _outcome(one: Fetched) -> Document | ReadError:
    if one.document is None:
        return one.problem or ReadError("has no text in it", "Nothing to index.")
    return one.document if one.document.language else replace(one.document, language=detect(one.document.text))


def _vanished(library: Library, source: Source, fetched: Collection[str], report: Report, *, prune: bool) -> None:
    known = [entry for entry in library.entries() if entry.location.startswith(source.prefix)]
    gone = [entry for entry in known if entry.location not in fetched]
    failed = [
        failure.location
        for failure in library.failures()
        if failure.location.startswith(source.prefix) and failure.location not in fetched
    ]
    if failed:
        library.settle(failed)
    if prune and not fetched and len(gone) > SUSPICIOUS:
        report.warnings.append(f"{source.name} gave nothing at all, so nothing is dropped; `pincite remove` drops it")
        prune = False
    settle_leaving(library, gone, report, report.vanished, prune=prune)


def _rename(library: Library, names: Mapping[str, str], report: Report) -> None:
    """Give each document the name that its source gives it now, numbered where another has it.

    A number stays, for a citation may have it, until no document has the bare name.
    """
    entries = library.entries()
    wishes = {entry.location: names.get(entry.location, entry.source) for entry in entries}
    called = {entry.location for entry in entries if _is(entry.source, wishes[entry.location])}
    taken = {entry.source for entry in entries if entry.location in called}
    free: dict[str, Iterator[str]] = {}
    renamed: dict[str, str] = {}
    for entry in entries:
        wish = wishes[entry.location]
        if entry.location in called:
            if entry.source == wish or wish in taken:
                continue
            taken.discard(entry.source)
        name = next(name for name in free.setdefault(wish, numbered(wish)) if name not in taken)
        taken.add(name)
        renamed[entry.location] = name
    if renamed:
        library.rename(renamed)
        failed = {failure.location for failure in report.failed}
        for entry in entries:
            if (
                entry.location in renamed
                and entry.location not in failed
                and entry.source not in (*report.added, *report.updated)
            ):
                report.unchanged -= 1
                report.formats[entry.kind].unchanged -= 1
                report.formats[entry.kind].moved += 1
        report.rename({entry.source: renamed[entry.location] for entry in entries if entry.location in renamed})


def _is(name: str, wish: str) -> bool:
    """Whether it is that name, or that with a number."""
    return name == wish or bool(re.fullmatch(re.escape(wish) + r" \(\d+\)", name))
