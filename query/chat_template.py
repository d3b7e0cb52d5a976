"""A model's own chat template: messages to the one string that the model reads, rendered as transformers renders it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from indexer.errors import PinciteError
from indexer.records import Message

if TYPE_CHECKING:
    import jinja2


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A compiled chat template with the special tokens that it may name (`bos_token`, `eos_token` …)."""

    template: jinja2.Template
    special: dict[str, str]

    def render(self, messages: Sequence[Message]) -> str | None:
        """The whole prompt, opened for the assistant's turn; None when the template refuses these messages.

        Some templates know no system role, or want user and assistant to alternate.
        """
        turns = [message.as_json() for message in messages]
        try:
            return self.template.render(
                messages=turns, tools=None, documents=None, add_generation_prompt=True, **self.special
            )
        except Exception:  # a template is a program by others, and fails in any way it likes
            return None


def find(folder: Path) -> ChatTemplate | None:
    """The chat template beside a tokenizer.json, in tokenizer_config.json or chat_template.jinja; None when there is none.

    Raises PinciteError when it is there and can't be read.
    """
    config_path, template_path = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    config: dict[str, Any] = {}
    try:
        if config_path.is_file():
            config = json.loads(config_path.read_text(encoding="utf-8"))
        source = template_path.read_text(encoding="utf-8") if template_path.is_file() else _source(config)
    except (OSError, ValueError, AttributeError) as error:
        raise PinciteError(f"The chat template in {folder} can't be read: {error}.", _DOWNLOAD_AGAIN) from error
    if not source:
        return None
    # A special token stands there as text, or as an object that also says how it is matched.
    special = {name: token["content"] if isinstance(token, dict) else token
               for name, token in config.items() if name.endswith("_token") and isinstance(token, str | dict)}  # fmt: skip
    return ChatTemplate(_compiled(source, folder), special)


_DOWNLOAD_AGAIN = "Take tokenizer.json and tokenizer_config.json from the model's own folder again."


def _source(config: dict[str, Any]) -> str:
    """The template's text: alone, or the one named "default" among several."""
    given = config.get("chat_template") or ""
    if isinstance(given, list):
        named = {entry["name"]: entry["template"] for entry in given}
        return str(named.get("default", ""))
    return str(given)


def _compiled(source: str, folder: Path) -> jinja2.Template:
    """The template in a sandbox, with what transformers gives to templates (utils/chat_template_utils.py there)."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _generation_extension()]
    )
    environment.filters["tojson"] = _as_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda pattern: datetime.now().astimezone().strftime(pattern)
    try:
        return environment.from_string(source)
    except jinja2.TemplateError as error:
        raise PinciteError(f"The chat template in {folder} is not valid: {error}.", _DOWNLOAD_AGAIN) from error


def _generation_extension() -> type[Any]:
    """`{% generation %} … {% endgeneration %}`, which marks the assistant's words for training, gives its body."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    return Generation


def _refuse(message: str) -> NoReturn:
    import jinja2

    raise jinja2.TemplateError(message)


def _as_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
