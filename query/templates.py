"""Prompt templates: Markdown files with a `# system` and a `# user` part, and named variables in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from indexer.errors import PinciteError
from indexer.records import Message

PROMPTS = Path(__file__).parent / "prompts"
# What every prompt is given, and must use.
VARIABLES = ("boundary", "passages", "question")
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_PART = re.compile(r"^# (system|user)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with holes. `{name}` is a variable, every other brace is itself.

    The system part may be empty, for models that know no such role: then no system message is sent.
    """

    name: str
    system: str
    user: str

    @property
    def variables(self) -> frozenset[str]:
        """The names that `render` must be given, no more and no fewer."""
        return frozenset(_VARIABLE.findall(self.system) + _VARIABLE.findall(self.user))

    def render(self, values: Mapping[str, str], history: Sequence[Message] = ()) -> tuple[Message, ...]:
        """The prompt as messages: system, the history as given, user. What stands in a value is never interpreted.

        Raises PinciteError naming the variables that are missing, or that the template does not use.
        """
        missing, unknown = sorted(self.variables - values.keys()), sorted(values.keys() - self.variables)
        if missing or unknown:
            told = [f"no value for {_braced(missing)}"] if missing else []
            told += [f"no place for {_braced(unknown)}"] if unknown else []
            hint = f"It must use {_braced(sorted(values))}, each at least once and no other."
            raise PinciteError(f"The prompt template {self.name} has {' and '.join(told)}.", hint)
        system, user = (_VARIABLE.sub(lambda hole: values[hole[1]], part) for part in (self.system, self.user))
        opening = (Message("system", system),) if self.system else ()
        return (*opening, *history, Message("user", user))


def parse(text: str, name: str) -> Template:
    """The template in a Markdown text; `name` tells it apart in errors.

    Raises PinciteError when the user part is missing, or a part stands there twice.
    """
    pieces = _PART.split(text.replace("\r\n", "\n"))
    names, bodies = pieces[1::2], [body.strip() for body in pieces[2::2]]
    if "user" not in names or len(names) != len(set(names)) or pieces[0].strip():
        hint = "A prompt is a line `# system`, its text, a line `# user`, its text; each once, and nothing before them."
        raise PinciteError(f"The prompt template {name} is not in two parts.", hint)
    parts = dict(zip(names, bodies, strict=True))
    return Template(name, parts.get("system", ""), parts["user"])


def load(name: str = "answer", folder: Path | None = None) -> Template:
    """A prompt by the name of its file, without `.md`: from the user's folder where it stands there, else one that ships.

    Raises PinciteError when there is none, when it can't be read, or when it lacks a variable or has one that nobody fills.
    """
    own = own_file(name, folder)
    if own is None:
        return _shipped(name, folder)
    try:
        template = parse(own.read_text(encoding="utf-8-sig"), str(own))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PinciteError(
            f"{own}: the prompt template can't be read: {reason}.", "Mend it or move it away."
        ) from error
    template.render(dict.fromkeys(VARIABLES, ""))
    return template


def names(folder: Path | None = None) -> list[str]:
    """The names of all prompts: those that ship, and the user's own."""
    homes = (PROMPTS, folder) if folder and folder.is_dir() else (PROMPTS,)
    return sorted({file.stem for home in homes for file in home.glob("*.md")})


def own_file(name: str, folder: Path | None) -> Path | None:
    """The user's own file for a prompt, when there is one."""
    # A name, not a path: what stands elsewhere is not meant.
    file = folder / f"{name}.md" if folder and name == Path(name).name else None
    return file if file and file.is_file() else None


@lru_cache(maxsize=16)
def shipped_text(name: str) -> str:
    """The text of a prompt that ships; "" when there is none of that name."""
    file = PROMPTS / f"{name}.md"
    return file.read_text(encoding="utf-8") if name == Path(name).name and file.is_file() else ""


def _shipped(name: str, folder: Path | None) -> Template:
    text = shipped_text(name)
    if not text:
        raise PinciteError(f"There is no prompt template named {name}.", f"There are: {', '.join(names(folder))}.")
    return parse(text, name)


def _braced(names: Sequence[str]) -> str:
    return ", ".join("{" + name + "}" for name in names)
