"""What went wrong at a model's server, told in one line: what, at which host, what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from indexer.errors import ModelError
from indexer.readers.assembly import one_line

Kind = Literal["refused", "unreachable", "timeout", "broken", "silent", "garbled"]

# How servers say that a prompt is too long: OpenAI and vLLM ("maximum context length is 4096 tokens"), llama.cpp
# ("exceeds the available context size", n_ctx beside it), Mistral, and Anthropic behind a gateway.
_OVERFLOW = re.compile(
    r"context[_ ]length|context (?:window|size)|maximum context|exceed_context_size|prompt is too long|too many tokens",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"(?:context (?:length|window|size)|maximum context)[^0-9]{0,40}?(\d{2,7})"
    r"|(\d{2,7})[^0-9]{0,12}(?:maximum|context)|> (\d{2,7})",
    re.IGNORECASE,
)
# How they say what they counted: OpenAI and vLLM, llama.cpp (n_prompt_tokens beside it), Anthropic.
_PROMPT = re.compile(
    r"(\d{2,8}) (?:tokens )?(?:in|from) the (?:messages|prompt|input)|(?:request|prompt) (?:\(|of |contains )(\d{2,8}) tokens"
    r"|(\d{2,8}) input tokens|prompt is too long: (\d{2,8})",
    re.IGNORECASE,
)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed call. `status` is 0 when no answer came, `wait` the seconds that the server asked for, if it did.

    Of a prompt that was too long, `window` is the most that the server takes, `prompt` what it counted, if it told.
    """

    kind: Kind
    text: str
    status: int = 0
    code: str = ""
    wait: float | None = None
    window: int | None = None
    prompt: int | None = None
    error: Exception | None = field(default=None, compare=False, repr=False)

    @property
    def overflow(self) -> bool:
        """Whether the server refused the prompt for its length."""
        return self.kind == "refused" and bool(_OVERFLOW.search(f"{self.code} {self.text}"))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed shortly: busy, failed, or cut off. Not a time-out, nor an empty account."""
        if self.kind == "refused":
            busy = self.status == 429 and self.code != "insufficient_quota"
            return (busy or self.status == 408 or self.status >= 500) and not self.overflow
        return self.kind in ("broken", "silent")


def diagnose(error: Exception) -> Trouble | None:
    """What an exception out of a model's client means; None for one that is no trouble of the server's.

    llama-index hands through what the clients below it raise: the openai and ollama packages' errors for an answer with
    an error status, httpx's for the connection, and whatever reading an answer of the wrong shape raises.
    """
    import httpx

    cause = error.__cause__ if isinstance(error.__cause__, httpx.HTTPError) else error
    if isinstance(cause, httpx.TimeoutException):
        return Trouble("timeout", type(cause).__name__)
    if isinstance(cause, httpx.ConnectError) or (isinstance(cause, ConnectionError) and type(cause) is ConnectionError):
        return Trouble("unreachable", _plain(str(cause)))
    if isinstance(cause, (httpx.TransportError, httpx.StreamError, OSError)):
        return Trouble("broken", _plain(str(cause)))
    body = getattr(error, "body", None) or getattr(error, "error", None)
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 300:
        return _refusal(status, body, getattr(getattr(error, "response", None), "headers", {}))
    if body is not None:
        # An error told in the middle of a stream: the status was 200 by then.
        return _refusal(200, body, {})
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError)):
        return Trouble("garbled", type(error).__name__)
    return None


def _refusal(status: int, body: object, headers: Mapping[str, str]) -> Trouble:
    details = _decoded(body)
    if isinstance(details, Mapping):
        details = details.get("error", details)
    if not isinstance(details, Mapping):
        text = _plain(str(details or ""))
        return Trouble(
            "refused", text, status, wait=_seconds(headers), window=_window(text, {}), prompt=_prompt(text, {})
        )
    text = _plain(str(details.get("message") or details.get("detail") or ""))
    code = " ".join(str(details[name]) for name in ("code", "type") if isinstance(details.get(name), str))
    known = next((name for name in ("insufficient_quota", "context_length_exceeded") if name in code), code)
    return Trouble("refused", text, status, known, _seconds(headers), _window(text, details), _prompt(text, details))


def _decoded(body: object) -> object:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        # A gateway's page.
        return re.sub(r"<[^>]*>", " ", body)


def _plain(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _seconds(headers: Mapping[str, str]) -> float | None:
    """The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3)."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _window(text: str, details: Mapping[str, Any]) -> int | None:
    """The window that an overflow's refusal names, in tokens."""
    if isinstance(details.get("n_ctx"), int):
        return int(details["n_ctx"])
    found = _WINDOW.search(text) if _OVERFLOW.search(text) else None
    return int(next(group for group in found.groups() if group)) if found else None


def _prompt(text: str, details: Mapping[str, Any]) -> int | None:
    """The tokens that the server counted in the prompt which it refused for its length."""
    if isinstance(details.get("n_prompt_tokens"), int):
        return int(details["n_prompt_tokens"])
    found = _PROMPT.search(text) if _OVERFLOW.search(text) else None
    return int(next(group for group in found.groups() if group)) if found else None


def model_error(trouble: Trouble, *, model: str, host: str, key: str, timeout: float, tries: int) -> ModelError:
    """The trouble as a person reads it. `key` is the name of the variable that holds this server's key."""
    said = f"{trouble.status}: {trouble.text}" if trouble.text else str(trouble.status)
    again = f", {tries} times" if tries > 1 else ""
    if trouble.kind == "unreachable":
        hint = "Start the server, or name another with --llm; without --llm no model is needed."
        return ModelError(f"nothing answers at {host}.", hint, retryable=True)
    if trouble.kind == "timeout":
        hint = "Set a longer PINCITE_TIMEOUT (seconds), or take a quicker model."
        return ModelError(f"{model} at {host} gave no answer within {timeout:g} s.", hint, retryable=True)
    if trouble.kind == "broken":
        hint = "Look at the server's log, or ask again."
        return ModelError(f"{host} broke the connection off before {model} said a word{again}.", hint, retryable=True)
    if trouble.kind == "silent":
        hint = "Look at the server's log, and check the address: an OpenAI-compatible server's usually ends in /v1."
        return ModelError(f"{host} ended its answer without a word of {model}{again}.", hint, retryable=True)
    if trouble.kind == "garbled":
        hint = "Check the address given to --llm: an OpenAI-compatible server's usually ends in /v1."
        return ModelError(f"what {host} sent is not an answer in the protocol of chat models.", hint)
    if trouble.overflow:
        return _overflow_error(trouble, model, host)
    if trouble.status in (401, 403):
        return ModelError(f"{host} refused the key ({said}).", f"Set {key} to a key that may use {model}.")
    if trouble.status == 404:
        return _missing_error(trouble, model, host, said)
    if trouble.status == 429 and trouble.code == "insufficient_quota":
        hint = "Top it up, or name another model with --llm."
        return ModelError(f"the account at {host} has no quota left ({said}).", hint)
    if trouble.status == 429:
        when = f"in {trouble.wait:.0f} s" if trouble.wait else "in a minute"
        busy = f"{host} takes no more requests for now ({said}){again}."
        return ModelError(busy, f"Ask again {when}.", retryable=True)
    if trouble.status >= 500:
        hint = "Look at the server's log, or ask again later."
        return ModelError(f"{host} failed to answer ({said}){again}.", hint, retryable=True)
    if 300 <= trouble.status < 400:
        elsewhere = f"{host} sends elsewhere ({trouble.status}), and no other host is asked."
        return ModelError(elsewhere, "Give --llm the final address.")
    return ModelError(f"{host} refused the request ({said}).", "Check the model's name and its settings.")


def _overflow_error(trouble: Trouble, model: str, host: str) -> ModelError:
    hint = f"Ask with --window {trouble.window}." if trouble.window else "Ask with a smaller --window."
    takes = f"takes {trouble.window} tokens in all" if trouble.window else "takes fewer tokens"
    said = f"the prompt is too long for {model} at {host}, which {takes}."
    return ModelError(said, hint, overflow=True, window=trouble.window, prompt=trouble.prompt)


def _missing_error(trouble: Trouble, model: str, host: str, said: str) -> ModelError:
    if "model" not in f"{trouble.text} {trouble.code}".lower():
        hint = "Check the address given to --llm: it usually ends in /v1."
        return ModelError(f"{host} has no chat at that path ({said}).", hint)
    pull = f" `ollama pull {model.removeprefix('ollama/')}` fetches it." if model.startswith("ollama/") else ""
    return ModelError(f"{host} knows no model {model.partition('/')[2] or model} ({said}).", f"Check the name.{pull}")
