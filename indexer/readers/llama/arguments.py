"""The arguments of a source: `NAME=VALUE` as a person types them, fitted to what a LlamaIndex reader takes."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from indexer.errors import PinciteError, UsageError

_LOG = logging.getLogger(__name__)
_ENVIRONMENT = re.compile(r"env:([A-Za-z_]\w*)")
_SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|credential|cookie|bearer|oauth|authorization|(?:api|access|private|account)_?key",
    re.IGNORECASE,
)
_LARGEST_FILE = 10_000_000  # bytes; a token or a list of ids is smaller


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is named and not shown: `reference` stands for it (`env:NOTION_TOKEN`) in all that is printed or kept."""

    reference: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Typed:
    """A value as it was typed, and what it is as JSON (itself when it is none)."""

    text: str | Secret
    value: Any


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a reader's constructor and its loading take. `scope` tells one source of a reader from another.

    `secrets` are the values never to be shown.
    """

    constructor: Mapping[str, Any] = field(repr=False)
    loading: Mapping[str, Any] = field(repr=False)
    scope: str
    secrets: tuple[str, ...] = field(repr=False)

    def without_secrets(self, text: str) -> str:
        """The text with each secret in it blacked out."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def parse(arguments: Sequence[str]) -> dict[str, list[_Typed]]:
    """The values of each name, in order. `VALUE` is JSON if it reads as JSON, else text.

    `env:NAME` is the environment variable's value, also inside JSON; `@FILE` is what stands in a file. Raises UsageError:
    not NAME=VALUE; PinciteError: no such variable or file.
    """
    given: dict[str, list[_Typed]] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name.isidentifier():
            shown = name if name.isidentifier() else "it"
            raise UsageError(
                f"an argument of the reader is not NAME=VALUE ({shown}).", "Write --reader-arg NAME=VALUE."
            )
        given.setdefault(name, []).append(_typed(name, text))
    return given


def fit(
    target: str, given: Mapping[str, Sequence[_Typed]], constructor: Callable[..., Any], loading: Callable[..., Any],
    build: Callable[[Mapping[str, Any]], Any],
) -> Arguments:  # fmt: skip
    """Give each argument to whichever of the two calls takes its name, or to both, as the type it asks for.

    `build` makes the object that a JSON object with a "class" stands for. Raises UsageError: a name that neither takes, or
    one that is needed and missing.
    """
    first, second = _parameters(constructor), _parameters(loading)
    named = {**_named(first), **_named(second)}
    fitted = {name: _fitted(name, values, named.get(name)) for name, values in given.items()}
    unknown = [name for name in fitted if name not in named]
    if unknown and not (_takes_more(first) or _takes_more(second)):
        raise UsageError(f"{target} takes no argument {unknown[0]!r}.", f"It takes: {', '.join(named) or 'none'}.")
    for name in unknown:
        _LOG.warning("%s does not name the argument %r; it is given to it unread", target, name)
    needed = dict.fromkeys(
        name
        for parameters in (_named(first), _named(second))
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in fitted
    )
    if needed:
        hint = "Give " + " ".join(f"--reader-arg {name}=…" for name in needed)
        raise UsageError(f"{target} needs {' and '.join(needed)}.", f"{hint}. It takes: {', '.join(named)}.")
    more = set(unknown)
    to_second = set(_named(second)) | (more if _takes_more(second) else set())
    to_first = set(_named(first)) | (more - to_second)
    shown = {name: _revealed(value, build) for name, value in fitted.items()}
    return Arguments(
        {name: value for name, value in shown.items() if name in to_first},
        {name: value for name, value in shown.items() if name in to_second},
        _scope(fitted), tuple(sorted(set(_secrets(fitted)), key=len, reverse=True)),
    )  # fmt: skip


def _typed(name: str, text: str) -> _Typed:
    if text.startswith("@"):
        return _from_file(name, text[1:])
    if _ENVIRONMENT.fullmatch(text):
        secret = _from_environment(text)
        return _Typed(secret, secret)
    if _SECRET_NAME.search(name) and not text.startswith(("{", "[")):
        _LOG.warning(
            "%s stands on the command line, where others may see it: write %s=env:NAME or %s=@FILE", name, name, name
        )
    return _Typed(text, _as_json(text))


def _as_json(text: str) -> Any:
    try:
        return _named_secrets(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _from_file(name: str, path: str) -> _Typed:
    file = Path(path).expanduser()
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise PinciteError(f"the file for {name}, {path}, is too large.", "It should hold one value.")
        text = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PinciteError(
            f"the file for {name}, {path}, can't be read: {reason}.",
            "Write @FILE, or JSON if the value begins with @: '\"@…\"'.",
        ) from None
    value = _as_json(text)
    if not isinstance(value, str):
        return _Typed(text, value)
    # By the file's name, not by its folder: a library does not care from where it is brought up to date.
    secret = Secret(f"@{file.name}", text)
    return _Typed(secret, secret)


def _from_environment(text: str) -> Secret:
    name = text.removeprefix("env:")
    value = os.environ.get(name, "")
    if not value:
        raise PinciteError(f"the environment variable {name} is not set.", f"Set it: export {name}=…")
    return Secret(text, value)


def _named_secrets(value: Any) -> Any:
    """JSON with its `env:NAME` texts resolved."""
    if isinstance(value, dict):
        return {name: _named_secrets(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_named_secrets(inner) for inner in value]
    return _from_environment(value) if isinstance(value, str) and _ENVIRONMENT.fullmatch(value) else value


def _parameters(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(call, eval_str=True).parameters
    except Exception:  # annotations may name what only type checkers import
        return inspect.signature(call).parameters


def _named(parameters: Mapping[str, inspect.Parameter]) -> dict[str, inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in parameters.items() if parameter.kind in kinds and name != "self"}


def _takes_more(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


def _fitted(name: str, values: Sequence[_Typed], parameter: inspect.Parameter | None) -> Any:
    """The value in the type that is asked for: `007` stays text for a `str`; what is one, or given twice, makes a list."""
    asked = _types(parameter.annotation) if parameter else {}
    lists = [
        kind
        for kind in asked
        if isinstance(kind, type) and issubclass(kind, Iterable) and kind not in (str, dict, Path)
    ]
    items = _types(asked[lists[0]][0]) if lists and asked[lists[0]] else {}
    wants_list = bool(lists) and str not in asked
    if len(values) > 1 and asked and not lists:
        raise UsageError(f"the reader's argument {name} is given {len(values)} times.", "It takes one value.")
    if len(values) == 1 and not wants_list:
        return _of_type(values[0], asked)
    flat = [
        one for value in values
        for one in ([_Typed(json.dumps(item), item) for item in value.value] if isinstance(value.value, list) else [value])
    ]  # fmt: skip
    return None if [one.value for one in flat] == [None] else [_of_type(one, items) for one in flat]


def _of_type(typed: _Typed, asked: Mapping[Any, Any]) -> Any:
    """As JSON, but text where only text is asked for, and a path where only a path is."""
    value = typed.value
    if isinstance(value, str):
        return Path(value) if Path in asked and str not in asked else value
    taken = type(value) in asked or (isinstance(value, int) and float in asked) or isinstance(value, Secret | None)
    return typed.text if str in asked and not taken and not isinstance(value, list | dict) else value


def _types(annotation: Any) -> dict[Any, tuple[Any, ...]]:
    """The types that an annotation allows, with their own arguments; empty when it says nothing."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _types(inner[0])
    if origin in (typing.Union, types.UnionType):
        return {kind: own for one in inner for kind, own in _types(one).items()}
    if annotation in (inspect.Parameter.empty, Any) or isinstance(annotation, str):
        return {}
    return {origin or annotation: inner}


def _scope(fitted: Mapping[str, Any]) -> str:
    """What tells this source from others of the same reader: a hash of its texts, "" when there are none.

    Texts say where something lies (a host, a space, a query, the name of the variable with the token). Lists say what is
    wanted of it, numbers and switches how it is fetched: they may change, and the source stays the same. So may a secret.
    """
    texts = sorted(_places(fitted, ""))
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12] if texts else ""


def _places(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _places(inner, f"{name}.{key}")
    elif isinstance(value, Secret):
        yield name, value.reference
    elif isinstance(value, Path) or (isinstance(value, str) and not _SECRET_NAME.search(name)):
        yield name, _without_password(str(value))


def _without_password(text: str) -> str:
    password = _password(text)
    return text.replace(f":{password}@", "@") if password else text


def _password(text: str) -> str:
    try:
        return urlsplit(text).password or ""
    except ValueError:
        return ""


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    """The values in it that may not be shown: what was referred to, what is called a secret, passwords in URLs."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, name)
    elif isinstance(value, Secret | str):
        hidden = isinstance(value, Secret) or _SECRET_NAME.search(name)
        text = value.value if isinstance(value, Secret) else value
        found = [text if hidden else "", _password(text)]
        # A shorter one would black out half of what is said, and is no secret.
        yield from (secret for secret in found if len(secret) > 3)


def _revealed(value: Any, build: Callable[[Mapping[str, Any]], Any]) -> Any:
    if isinstance(value, Secret):
        return value.value
    if isinstance(value, list):
        return [_revealed(inner, build) for inner in value]
    if isinstance(value, Mapping):
        revealed = {name: _revealed(inner, build) for name, inner in value.items()}
        return build(revealed) if ":" in str(revealed.get("class", "")) else revealed
    return value
