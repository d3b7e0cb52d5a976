"""Settings: one frozen value, made once from defaults < file < environment < flags, and passed in."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from indexer.errors import PinciteError

BUNDLED_EMBEDDER = "all-MiniLM-L6-v2"
BUNDLED_READER = "pincite-reader"
NO_RERANKER = "none"
# The file in a library's folder that is its truth.
DATABASE = "library.sqlite3"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user can set. The file and the environment use the same names (`window`, `PINCITE_WINDOW`).

    `window` and `reserve` are tokens; `llm` empty means the built-in answerer; `tokenizer` is a tokenizer.json or a folder
    that holds one, for models whose tokens can't be counted otherwise; `timeout` is seconds for one call of a model.
    `embedder` empty means the library's own, or the bundled one for a new library. `reranker` is what reads the first
    candidates of a prompt: the reader that ships, a sentence-transformers CrossEncoder by name or folder, or "none". `prompt` is
    the name of the prompt template; `prompts` the folder of the user's own, which go before those that ship.
    """

    library: Path
    embedder: str = ""
    llm: str = ""
    model: str = ""
    tokenizer: Path | None = None
    window: int = 4096
    reserve: int = 512
    timeout: float = 120.0
    reranker: str = BUNDLED_READER
    prompt: str = "answer"
    prompts: Path | None = None


def settings_file() -> Path:
    """The user's settings file; it need not exist."""
    import platformdirs

    named = os.environ.get("PINCITE_SETTINGS")
    return Path(named) if named else Path(platformdirs.user_config_dir("pincite", appauthor=False)) / "settings.toml"


def data_folder() -> Path:
    """The folder of the user's libraries."""
    import platformdirs

    return Path(platformdirs.user_data_dir("pincite", appauthor=False))


def cache_folder() -> Path:
    """The folder of what can be made again: compiled models."""
    import platformdirs

    named = os.environ.get("PINCITE_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("pincite", appauthor=False))


def library_path(name: str) -> Path:
    """A library's folder from what the user calls it: a plain name lives in the data folder, anything else is a path.

    A folder of that name at hand is meant only when it is a library: documents often lie in one called as their library.
    """
    plain = bool(name) and name not in (".", "..") and Path(name).name == name and not Path(name, DATABASE).is_file()
    return data_folder() / name if plain else _expanded(name)


def _expanded(name: str) -> Path:
    """A path with `~` resolved; as it is when there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def load(flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. `flags` that are None were not given.

    Raises PinciteError for a settings file that can't be read, a name that is not a setting, or a value of the wrong kind.
    """
    environment = os.environ if environment is None else environment
    file = settings_file()
    settings = Settings(library=data_folder() / "default", prompts=file.with_name("prompts"))
    names = {field.name for field in fields(Settings)}
    if file.exists():
        settings = _apply(settings, _from_file(file), str(file), names)
    given = {
        name: environment[f"PINCITE_{name.upper()}"] for name in names if environment.get(f"PINCITE_{name.upper()}")
    }
    settings = _apply(settings, given, "the environment", names)
    flags = {name: value for name, value in (flags or {}).items() if value is not None}
    settings = _apply(settings, flags, "the command line", names)
    if settings.window <= settings.reserve:
        raise PinciteError(
            f"a window of {settings.window} tokens leaves nothing beside the {settings.reserve} reserved for the answer.",
            "Widen --window or lower --reserve.",
        )
    return settings


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PinciteError(f"{file}: the settings file can't be read: {error}.", "Mend it or move it away.") from error


def _apply(settings: Settings, given: Mapping[str, Any], where: str, names: set[str]) -> Settings:
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            raise PinciteError(f"{where}: there is no setting {name!r}.", f"There are: {', '.join(sorted(names))}.")
        changes[name] = _value(name, value, where)
    return replace(settings, **changes)


def _value(name: str, value: Any, where: str) -> Any:
    try:
        if name == "library":
            return library_path(value)
        if name in ("tokenizer", "prompts"):
            return _expanded(value)
        if name in ("embedder", "reranker"):
            # A folder is kept by its whole path: from elsewhere its short name would be taken for one in the hub.
            folder = _expanded(value)
            return str(folder.absolute()) if folder.is_dir() else value
        if name in ("window", "reserve"):
            number = int(value)
            if number < 1 or isinstance(value, bool | float):
                raise ValueError
            return number
        if name == "timeout":
            seconds = float(value)
            if not 0 < seconds < float("inf"):
                raise ValueError
            return seconds
        if not isinstance(value, str):
            raise TypeError
    except (TypeError, ValueError) as error:
        takes = {
            "timeout": "a number of seconds above 0",
            "window": "a whole number above 0",
            "reserve": "a whole number above 0",
        }
        raise PinciteError(
            f"{where}: {name} can't be {value!r}.", f"It takes {takes.get(name, 'a text in quotation marks')}."
        ) from error
    return value
