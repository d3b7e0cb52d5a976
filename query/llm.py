"""Language models: one prompt in, one answer out, streamed or whole.

llama-index's LLM classes do the talking (`query.providers`). `open_model` imports none of it.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit, urlunsplit

from indexer.config import Settings
from indexer.errors import ModelError
from indexer.readers.assembly import clean
from indexer.records import Message
from query.providers import Endpoint, OllamaProvider, OpenAIProvider, Piece, Provider
from query.refusals import Trouble, diagnose, model_error

OPENAI = "https://api.openai.com/v1"
OLLAMA_PORT = 11434
TRIES = 3
BACKOFF = (0.5, 2.0)
LONGEST_WAIT = 20.0
# The longest tokens of the common vocabularies are runs of blanks of about this many characters: more text than this a
# token means that the server does not hold to `max_tokens`.
CHARACTERS_A_TOKEN = 32
FORMS = "Give openai/NAME, ollama/NAME, or http://HOST:PORT/v1 with --model NAME."


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said: `usage` counts tokens (prompt, completion) if the server told, `notes` what went otherwise."""

    text: str
    usage: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Hearing:
    """An answer as it comes in: cleaned, without the thoughts that reasoning models put in front, and passed on."""

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self._on_text = on_text
        self._parts: list[str] = []
        self._pending = ""
        self._opened = False
        self._thinking = False
        self.length = 0
        self.finish = ""
        self.usage: Mapping[str, int] = {}

    @property
    def passes_on(self) -> bool:
        """Whether somebody is listening to the pieces."""
        return self._on_text is not None

    @property
    def text(self) -> str:
        """What can be read of the answer."""
        return "".join(self._parts).strip()

    @property
    def only_thoughts(self) -> bool:
        """Whether all that came was thinking."""
        return self._thinking and not self.text

    def take(self, piece: Piece) -> None:
        """Add a piece."""
        self.finish = piece.finish or self.finish
        self.usage = piece.usage or self.usage
        self.length += len(piece.text)
        self._pending += piece.text
        self._pass_on(last=False)

    def close(self) -> None:
        """Pass on what was held back."""
        self._pass_on(last=True)

    def _pass_on(self, *, last: bool) -> None:
        if not self._opened:
            start = self._pending.lstrip()
            if not last and (not start or (len(start) < len("<think>") and "<think>".startswith(start))):
                return
            self._opened, self._thinking, self._pending = True, start.startswith("<think>"), start
        if self._thinking:
            _, end, after = self._pending.partition("</think>")
            if not end:
                self._pending = self._pending[-len("</think>") :]
                return
            self._thinking, self._opened, self._pending = False, bool(after.strip()), after.lstrip()
        # A line's end may come in two pieces, and is one line's end.
        held = "\r" if self._pending.endswith("\r") and not last else ""
        text = clean(self._pending.removesuffix(held) if held else self._pending)
        self._pending = held
        if text:
            self._parts.append(text)
            if self._on_text is not None:
                self._on_text(text)


class Model:
    """A language model. `name` is what answers are signed with, `host` to which machine text goes."""

    def __init__(
        self, name: str, endpoint: Endpoint, provider: Provider, timeout: float,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.name = name
        self.host = endpoint.host
        self._endpoint, self._provider, self._timeout, self._wait = endpoint, provider, timeout, wait

    def __repr__(self) -> str:
        return f"Model({self.name!r} at {self.host})"

    def reply(
        self, messages: Sequence[Message], *, max_tokens: int, on_text: Callable[[str], None] | None = None,
    ) -> Reply:  # fmt: skip
        """The model's answer in at most `max_tokens` tokens; `on_text` is called with each piece as it comes.

        A server that is busy, fails or breaks off before the first word is asked up to three times. A stream that is
        cut later keeps what came, with a note. Raises ModelError, with `overflow` when the prompt is too long for the
        server.
        """
        tries = 1
        while True:
            hearing = Hearing(on_text)
            trouble = self._ask(messages, max_tokens, hearing)
            if trouble is None or hearing.text:
                return _reply(hearing, max_tokens, trouble, self._timeout)
            if self._provider.give_way(trouble):
                continue
            wait = trouble.wait if trouble.wait is not None else BACKOFF[min(tries, len(BACKOFF)) - 1]
            if not trouble.retryable or tries == TRIES or wait > LONGEST_WAIT:
                raise self._error(trouble, tries) from trouble.error
            self._wait(wait)
            tries += 1

    def _ask(self, messages: Sequence[Message], max_tokens: int, hearing: Hearing) -> Trouble | None:
        """One call. Only the server's troubles are caught: what `on_text` raises passes through."""
        deadline = time.monotonic() + self._timeout
        asked = self._provider.pieces(messages, max_tokens, self._timeout, streamed=hearing.passes_on)
        with closing(_told(asked)) as pieces:
            for piece in pieces:
                if isinstance(piece, Trouble):
                    hearing.close()
                    return piece
                hearing.take(piece)
                if time.monotonic() > deadline:
                    hearing.close()
                    return Trouble("timeout", "")
                if hearing.length > CHARACTERS_A_TOKEN * max_tokens:
                    hearing.finish = "length"
                    break
        hearing.close()
        if hearing.finish:
            return None
        return Trouble("broken" if hearing.length else "silent", "ended without a finish reason")

    def _error(self, trouble: Trouble, tries: int) -> ModelError:
        endpoint = self._endpoint
        # Some servers repeat the key that they refuse.
        text = trouble.text.replace(endpoint.key, "…") if endpoint.key else trouble.text
        return model_error(
            replace(trouble, text=text), model=self.name, host=self.host, key=endpoint.key_name, timeout=self._timeout,
            tries=tries,
        )  # fmt: skip


def _told(pieces: Iterator[Piece]) -> Generator[Piece | Trouble, None, None]:
    """The pieces, and the server's trouble as the last thing if there was any."""
    try:
        yield from pieces
    except Exception as error:
        trouble = diagnose(error)
        if trouble is None:
            raise
        yield replace(trouble, error=error)


def _reply(hearing: Hearing, max_tokens: int, trouble: Trouble | None, timeout: float) -> Reply:
    text, notes = hearing.text, []
    words = len(text.split())
    if trouble is not None and trouble.kind == "timeout":
        notes.append(f"the model was stopped after {timeout:g} s and {words} words")
    elif trouble is not None:
        notes.append(f"the model's stream broke off after {words} words")
    elif hearing.finish == "length" and hearing.only_thoughts:
        notes.append(f"the model spent all {max_tokens} tokens of the answer on thinking: --reserve gives it more")
    elif hearing.finish == "length":
        notes.append(f"the answer was cut at {max_tokens} tokens: --reserve gives it more")
    elif hearing.finish == "content_filter":
        notes.append("the server withheld a part of the answer (content_filter)")
    if not text:
        notes.append("the model gave an empty answer")
    return Reply(text, dict(hearing.usage), tuple(notes))


def open_model(
    settings: Settings, environment: Mapping[str, str] | None = None, wait: Callable[[float], None] = time.sleep,
) -> Model | None:  # fmt: skip
    """The model that the settings name; None when they name none, and the built-in answerer answers.

    Only a server without `--model` is contacted here, to ask for the name of its model. Raises ModelError for a form
    that is not known, a missing key, a missing package, or a server that has not exactly one model.
    """
    environment = os.environ if environment is None else environment
    spec = settings.llm.strip()
    if not spec:
        return None
    if spec.lower().startswith(("http://", "https://")):
        return _compatible(spec, settings, environment, wait)
    family, _, name = spec.partition("/")
    name = name or settings.model
    if family == "openai" and name:
        return _openai(name, settings, environment, wait)
    if family == "ollama" and name:
        return _ollama(name, settings, environment, wait)
    raise ModelError(f"--llm {spec.rpartition('@')[2]}: not a model that Pincite knows how to reach.", FORMS)


def _openai(name: str, settings: Settings, environment: Mapping[str, str], wait: Callable[[float], None]) -> Model:
    key = environment.get("OPENAI_API_KEY", "").strip()
    if not key:
        raise ModelError(f"openai/{name} needs a key.", "Set OPENAI_API_KEY to it.")
    base = environment.get("OPENAI_API_BASE") or environment.get("OPENAI_BASE_URL") or OPENAI
    address, login = _address(base, "OPENAI_BASE_URL")
    endpoint = Endpoint(address, login, key, "OPENAI_API_KEY", own_headers=not login)
    provider = OpenAIProvider(name, endpoint, compatible=False)
    return Model(f"openai/{name}", endpoint, provider, settings.timeout, wait)


def _ollama(name: str, settings: Settings, environment: Mapping[str, str], wait: Callable[[float], None]) -> Model:
    try:
        found = find_spec("llama_index.llms.ollama")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ModelError("ollama models need the package llama-index-llms-ollama.", "pip install 'pincite[ollama]'")
    given = environment.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    address, login = _address(given if "://" in given else f"http://{given}", "OLLAMA_HOST")
    parts = urlsplit(address)
    if "://" not in given and parts.port is None:
        parts = parts._replace(netloc=f"{parts.netloc}:{OLLAMA_PORT}")
    # The server's own setting for "listen everywhere" is no address to call.
    netloc = parts.netloc.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    endpoint = Endpoint(urlunsplit(parts._replace(netloc=netloc)), login, key_name="OLLAMA_API_KEY")
    return Model(f"ollama/{name}", endpoint, OllamaProvider(name, endpoint, settings.window), settings.timeout, wait)


def _compatible(spec: str, settings: Settings, environment: Mapping[str, str], wait: Callable[[float], None]) -> Model:
    address, login = _address(spec, "--llm")
    if not urlsplit(address).path:
        address += "/v1"
    # OPENAI_API_KEY is for OpenAI: it never goes to another host.
    key = environment.get("PINCITE_LLM_KEY", "").strip()
    endpoint = Endpoint(address, login or (f"Bearer {key}" if key else ""), key)
    name = settings.model or _only_model(endpoint, settings.timeout)
    return Model(name, endpoint, OpenAIProvider(name, endpoint, compatible=True), settings.timeout, wait)


def _address(given: str, where: str) -> tuple[str, str]:
    """A server's URL without the login in it, and that login as an Authorization header."""
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme.lower() not in ("http", "https") or parts.query or parts.fragment:
        raise ModelError(f"{where}: that is not the address of a server.", "It looks like http://127.0.0.1:8080/v1.")
    login = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = "Basic " + b64encode(pair.encode()).decode()
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme.lower(), netloc, parts.path.rstrip("/"), "", "")), login


def _only_model(endpoint: Endpoint, timeout: float) -> str:
    """The name of the one model that a server has."""
    import httpx

    with endpoint.connection(min(timeout, 10.0)) as connection:
        try:
            answer = connection.get(f"{endpoint.base}/models").raise_for_status()
            names = [clean(str(entry["id"])) for entry in answer.json()["data"]]
        except (httpx.HTTPError, ValueError, TypeError, LookupError) as error:
            hint = "Is the server up? Name one with --model."
            raise ModelError(f"{endpoint.host} does not say which models it has.", hint) from error
    if len(names) == 1:
        return names[0]
    listed = f"It has {', '.join(sorted(names)[:20])}." if names else "It has none."
    raise ModelError(f"which model of {endpoint.host}? {listed}", "Choose one with --model NAME.")
