"""Any reader of LlamaIndex as a source: what it loads becomes documents that know who they are from run to run.

Nothing of LlamaIndex is imported here but the reader that is asked for. Its own network is the user's wish; what it prints
goes to stderr.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from indexer.errors import PinciteError, ReadError, UsageError
from indexer.naming import numbered
from indexer.readers.assembly import one_line
from indexer.readers.llama.arguments import Arguments, fit, parse
from indexer.readers.llama.ready_made import KeylessError, Part, fingerprint, grouped, read_parts, shown_name
from indexer.records import Document
from indexer.terminal import printable

_LOG = logging.getLogger(__name__)
_TARGET = re.compile(r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)[:.]([A-Za-z_]\w*)", re.ASCII)
_PACKAGE = re.compile(r"llama_index\.readers\.(\w+)")
_FILE_ARGUMENTS = ("file", "input_file", "file_path", "filepath", "path")
# Between a key and the hash of the text that tells its documents apart.
TEXT_MARK = " sha256:"
_NAME = re.compile(r"[\w.-]{1,60}")
# A random id: what LlamaIndex gives a document when its reader gives none, and what some readers give themselves.
_MADE_ANEW = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_FORBIDDEN = re.compile(r"\b(?:401|403|unauthori[sz]ed|forbidden|authenticat|invalid.{0,10}token)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One document of a source: `location` is its identity from run to run, `source` what people call it.

    `sha256` tells a changed document from one that is not. `document` is None when there is a `problem`. `lasting` says
    whether the location stays when the text changes: not where nothing but the text tells it from others.
    """

    location: str
    source: str
    sha256: str
    document: Document | None
    problem: ReadError | None = None
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """A reader of LlamaIndex with its arguments. Nothing is loaded before `fetch`.

    `name` is module:Class; the locations of all its documents, and of no other source's, begin with `prefix`.
    """

    name: str
    prefix: str
    id_key: str
    arguments: Arguments = field(repr=False)
    _reader: Callable[..., Any] = field(repr=False)
    _method: str = field(repr=False)

    def fetch(self) -> Iterator[Fetched]:
        """Load the documents, one at a time as far as the reader can.

        Raises PinciteError when the reader fails: what came before it is good, and nothing is known of the rest. And when no
        document at all has the metadatum that is to identify them.
        """
        keyless: list[Fetched] | None = []
        for fetched in self._fetched():
            if keyless is not None and isinstance(fetched.problem, KeylessError):
                keyless.append(fetched)  # a key that none has is a mistake, told once
                continue
            yield from keyless or ()
            keyless = None
            yield fetched
        if keyless and keyless[0].problem:
            hint = keyless[0].problem.hint
            raise PinciteError(f"{self.name}: no document has {self.id_key!r} in its metadata.", hint)

    def _fetched(self) -> Iterator[Fetched]:
        taken: set[str] = set()
        told: set[str] = set()
        for identity, parts in grouped(self._parts(), self.id_key):
            sha256 = fingerprint(parts)
            stated = identity if isinstance(identity, str) else ""
            shared = bool(stated) and f"{self.prefix}{stated}" in taken
            self._warn(told, identity, shared=shared)
            # Numbered among those of one identity, it would be another one as soon as one of them is gone.
            key = stated if stated and not shared else told_by_text(stated, sha256)
            location = self._free(key, taken)
            name = shown_name(parts[0], f"{self.name.rpartition(':')[2]}/{location.removeprefix(self.prefix)}")
            document, problem = self._read(parts, identity)
            yield Fetched(location, name, sha256, document, problem, bool(stated) and not shared)

    def _warn(self, told: set[str], identity: str | ReadError, *, shared: bool) -> None:
        """Say, once each, that documents have no identity, or one that others have too."""
        if not identity and "none" not in told:
            told.add("none")
            _LOG.warning(
                "%s gives its documents no lasting identity: one whose text changes is a new one, and the old one has "
                "vanished. Name a key of their metadata with --reader-id if one identifies them.", self.name,
            )  # fmt: skip
        if shared and "shared" not in told:
            told.add("shared")
            _LOG.warning(
                "%s gives more than one document the identity %r: such are told apart by their text, and one that changes is "
                "a new one. Name a key of their metadata with --reader-id that each has for itself.", self.name, identity,
            )  # fmt: skip

    def _free(self, key: str, taken: set[str]) -> str:
        """The location for a key; the second with the same one is numbered."""
        location = next(one for one in numbered(f"{self.prefix}{key}") if one not in taken)
        taken.add(location)
        return location

    def _read(self, parts: Sequence[Part], identity: str | ReadError) -> tuple[Document | None, ReadError | None]:
        """The document, or why there is none. What nobody foresaw is a failure of this one, too."""
        if isinstance(identity, ReadError):
            return None, identity
        try:
            return read_parts(parts), None
        except ReadError as problem:
            return None, problem
        except Exception as error:
            _LOG.info("%s: a document could not be read", self.name, exc_info=True)
            reason = f"could not be read ({type(error).__name__}: {str(error)[:120]})"
            return None, ReadError(reason, "Please report it with the document.")

    def _parts(self) -> Iterator[Part]:
        with self._guarded():
            reader = self._reader(**self.arguments.constructor)
            loaded = getattr(reader, self._method)(**self.arguments.loading)
            waiting = iter([loaded] if hasattr(loaded, "metadata") else loaded or ())
        end = object()
        while True:
            with self._guarded():
                item = next(waiting, end)
                if item is end:
                    return
                parts = [self._part(one) for one in (item if isinstance(item, list | tuple) else [item])]
            yield from parts

    def _part(self, loaded: Any) -> Part:
        text, metadata = getattr(loaded, "text", None), getattr(loaded, "metadata", None)
        if not isinstance(text, str) or not isinstance(metadata, Mapping | None):
            raise PinciteError(
                f"{self.name} gave a {type(loaded).__name__}, which is not a document.", "Is it a reader?"
            )
        stated = str(getattr(loaded, "id_", "") or "") if "id_" in getattr(loaded, "model_fields_set", ("id_",)) else ""
        if self.id_key != "id_" and _MADE_ANEW.fullmatch(stated):
            stated = ""
        named = {str(name): value for name, value in (metadata or {}).items()}
        if not named and not stated:
            named = self._only_file()
        if self.id_key == "id_":
            named["id_"] = stated
        media_type = getattr(getattr(loaded, "text_resource", None), "mimetype", None)
        return Part(text, named, stated, media_type if isinstance(media_type, str) else "")

    def _only_file(self) -> dict[str, str]:
        """The path of the one file that was asked for: what a reader gives without a word of where it is from, is from there."""
        named = [self.arguments.loading[name] for name in _FILE_ARGUMENTS if name in self.arguments.loading]
        return {"file_path": str(named[0])} if len(named) == 1 and isinstance(named[0], str | Path) else {}

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """The reader's own code: its errors become one line, what it prints goes to stderr, both without secrets."""
        try:
            with redirect_stdout(_Talk(self.arguments)):
                yield
        except PinciteError:
            raise
        except (Exception, SystemExit) as error:
            said = one_line(self.arguments.without_secrets(str(error)))[:300].rstrip(".")
            hint = "Check its arguments, and the network if it needs one; --debug shows where it was."
            if isinstance(error, ImportError):
                hint = "Install what it needs, and ingest again."
            elif _FORBIDDEN.search(said):
                hint = "Check its token, and what the token may read."
            kind = type(error).__name__
            raise PinciteError(f"{self.name} failed: {kind}{': ' if said else ''}{said}.", hint) from error


def told_by_text(key: str, sha256: str) -> str:
    """A key that tells a document from others of the same key, or of none, by its text."""
    return f"{key}{TEXT_MARK}{sha256[:32]}".lstrip()


class _Talk(io.TextIOBase):
    """Stands in for stdout while a reader works: stdout carries data, and nothing printed may command the terminal."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments

    def write(self, text: str) -> int:
        sys.stderr.write(printable(self._arguments.without_secrets(text)))
        return len(text)

    def writable(self) -> bool:
        return True


def open_source(target: str, arguments: Sequence[str], name: str = "", id_key: str = "") -> Source:
    """The source that `target` (`module:Class`) and its arguments (`NAME=VALUE`, see `connector_arguments`) describe.

    `name` tells it from other sources of the same reader; without, its arguments' texts do. `id_key` names the metadatum that
    identifies a document (`id_`: the id that the reader gives it). Raises PinciteError when it is not installed, UsageError when it
    is no reader, or does not take these arguments, or lacks some.
    """
    if name and not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't name a source.", "Use letters, digits, '.', '_' and '-'.")
    given = parse(arguments)
    module, kind = _class(target)
    shown = f"{module}:{kind.__name__}"
    method = _loading_method(kind)
    if not method:
        raise UsageError(
            f"{shown} is not a reader of LlamaIndex.",
            "A reader has load_data, such as llama_index.readers.notion:NotionPageReader.",
        )
    fitted = fit(shown, given, kind, getattr(kind, method), _built)
    scope = name or fitted.scope
    return Source(shown, f"{shown}@{scope}/" if scope else f"{shown}/", id_key, fitted, kind, method)


def _class(target: str) -> tuple[str, type]:
    found = _TARGET.fullmatch(target)
    if not found:
        raise UsageError(
            f"{target!r} is not module:Class.", "Name a reader such as llama_index.readers.notion:NotionPageReader."
        )
    module, name = found.groups()
    try:
        with redirect_stdout(sys.stderr):
            kind = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise PinciteError(
                f"{module} needs {missing}, which is not installed.", f"pip install {missing.split('.')[0]}"
            ) from error
        package = _PACKAGE.match(module)
        if package:
            hint = f"pip install llama-index-readers-{package[1].replace('_', '-')}"
        else:
            hint = "Check its name, or install the package that has it."
        raise PinciteError(f"{module} is not installed.", hint) from error
    except Exception as error:
        raise PinciteError(
            f"{module} can't be imported: {type(error).__name__}: {one_line(str(error))[:200]}."
        ) from error
    if not isinstance(kind, type):
        raise UsageError(f"{module} has no class {name}.", _classes_of(module))
    return module, kind


def _classes_of(module: str) -> str:
    names = [
        name
        for name, value in vars(import_module(module)).items()
        if isinstance(value, type) and _loading_method(value)
    ]
    return f"It has: {', '.join(sorted(names)[:20])}." if names else "It has no reader at all."


def _loading_method(kind: type) -> str:
    """The call that loads: the lazy one, for memory, if the class has its own and it says what it takes. "" when there is none."""
    from inspect import signature

    own = {
        name: method
        for name in ("lazy_load_data", "load_data")
        if callable(method := getattr(kind, name, None)) and getattr(method, "__qualname__", "") != f"BaseReader.{name}"
    }
    lazy = own.get("lazy_load_data")
    if lazy and "load_data" in own:
        says = any(
            p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"
            for p in signature(lazy).parameters.values()
        )
        takes_none = not set(signature(own["load_data"]).parameters) - {"self"}
        return "lazy_load_data" if says or takes_none else "load_data"
    return next(iter(own), "")


def _built(value: Mapping[str, Any]) -> Any:
    """The object that a JSON object with a "class" stands for: a client or parser that a reader takes."""
    module, kind = _class(str(value["class"]))
    try:
        return kind(**{name: inner for name, inner in value.items() if name != "class"})
    except Exception as error:
        # Its words may repeat a secret that it was given.
        raise PinciteError(
            f"{module}:{kind.__name__} can't be made of these arguments ({type(error).__name__}).", "--debug shows why."
        ) from error
