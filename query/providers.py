"""The servers of language models, asked through llama-index's classes for them.

llama-index and the clients below it are imported by the first call, and no connection outlives its answer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from indexer.records import Message
from query.refusals import Trouble

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 10.0
# The only headers a compatible server needs. The openai client would add others: the user's OPENAI_* organisation,
# project and custom headers, which are for another host, and what machine this is.
PLAIN_HEADERS = {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer as it comes; `finish` is why the model stopped, in the last one."""

    text: str
    finish: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is and what opens it. `key_name` is the variable that a person sets the key in."""

    base: str
    authorization: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    key_name: str = "PINCITE_LLM_KEY"
    own_headers: bool = False

    @property
    def host(self) -> str:
        """Host and port, as in `127.0.0.1:8080`."""
        return urlsplit(self.base).netloc

    @contextmanager
    def connection(self, timeout: float) -> Iterator[httpx.Client]:
        """A client for this host alone: no redirect is followed; a proxy only for hosts that are not this machine."""
        import httpx

        limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
        hooks = {} if self.own_headers else {"request": [self._only_plain_headers]}
        with httpx.Client(timeout=limits, trust_env=not is_local(self.base), event_hooks=hooks) as client:
            yield client

    def _only_plain_headers(self, request: httpx.Request) -> None:
        for name in list(request.headers):
            if name.lower() not in PLAIN_HEADERS:
                del request.headers[name]
        if self.authorization:
            request.headers["authorization"] = self.authorization


class Provider(Protocol):
    """A family of servers: how its llama-index class is asked, and how its answers are read."""

    def pieces(
        self, messages: Sequence[Message], max_tokens: int, timeout: float, *, streamed: bool,
    ) -> Iterator[Piece]:  # fmt: skip
        """Ask once. Raises what the client raises."""
        ...

    def give_way(self, trouble: Trouble) -> bool:
        """Whether the server objected to a parameter that can be left out or renamed: the next call does so."""
        ...


class OpenAIProvider:
    """OpenAI, and any server that speaks its chat protocol."""

    def __init__(self, model: str, endpoint: Endpoint, *, compatible: bool) -> None:
        self._model, self._endpoint, self._compatible = model, endpoint, compatible
        self._refused: set[str] = set()

    def pieces(
        self, messages: Sequence[Message], max_tokens: int, timeout: float, *, streamed: bool,
    ) -> Iterator[Piece]:  # fmt: skip
        """Ask once, by `OpenAILike` where the host or the model is unknown to llama-index, else by `OpenAI`."""
        with self._endpoint.connection(timeout) as connection:
            model = self._open(connection, timeout)
            chat, parameters = _chat_messages(messages), self._parameters(max_tokens, streamed=streamed)
            if not streamed:
                response = model.chat(chat, **parameters)
                yield self._piece(response, response.message.content, finish="stop")
                return
            for response in model.stream_chat(chat, **parameters):
                yield self._piece(response, response.delta)

    def give_way(self, trouble: Trouble) -> bool:
        """Give up the first parameter that the refusal names, each once."""
        optional = ("stream_options", "max_tokens", "temperature")
        named = [name for name in optional if name in trouble.text and name not in self._refused]
        if trouble.status not in (400, 422) or trouble.overflow or not named:
            return False
        self._refused.add(named[0])
        return True

    def _open(self, connection: httpx.Client, timeout: float) -> Any:
        from llama_index.llms.openai import OpenAI
        from llama_index.llms.openai_like import OpenAILike
        from openai import OpenAI as Client

        client = Client(
            api_key=self._endpoint.key or "none", base_url=self._endpoint.base, max_retries=0, http_client=connection,
            timeout=connection.timeout,
        )  # fmt: skip
        given: dict[str, Any] = {
            "model": self._model, "api_key": client.api_key, "api_base": self._endpoint.base, "max_retries": 0,
            "timeout": timeout, "temperature": 0.0, "openai_client": client,
        }  # fmt: skip
        try:
            if not self._compatible:
                known = OpenAI(**given)
                if known.metadata.is_chat_model:
                    return known
        except ValueError:
            # Newer than this llama-index. The server knows better whether the name exists.
            pass
        return OpenAILike(**given, is_chat_model=True)

    def _parameters(self, max_tokens: int, *, streamed: bool) -> dict[str, Any]:
        # Newer OpenAI models take no `max_tokens` and no temperature but their own.
        limit = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        parameters: dict[str, Any] = {limit: max_tokens}
        if "temperature" in self._refused:
            parameters["temperature"] = 1.0
        if streamed and "stream_options" not in self._refused:
            parameters["stream_options"] = {"include_usage": True}
        return parameters

    def _piece(self, response: Any, text: str | None, finish: str = "") -> Piece:
        choices = response.raw.choices
        told = choices[0].finish_reason if choices else None
        return Piece(text or "", str(told or finish), _usage(response.additional_kwargs))


class OllamaProvider:
    """Ollama by its own protocol, which takes the window with each call: left alone it would cut the prompt silently."""

    def __init__(self, model: str, endpoint: Endpoint, window: int) -> None:
        self._model, self._endpoint, self._window = model, endpoint, window

    def pieces(
        self, messages: Sequence[Message], max_tokens: int, timeout: float, *, streamed: bool,
    ) -> Iterator[Piece]:  # fmt: skip
        """Ask once."""
        from llama_index.llms.ollama import Ollama
        from ollama import Client

        base = self._endpoint.base
        headers = {"authorization": self._endpoint.authorization} if self._endpoint.authorization else {}
        client = Client(base, timeout=timeout, follow_redirects=False, trust_env=not is_local(base), headers=headers)
        with client:
            model = Ollama(
                model=self._model, base_url=base, temperature=0.0, context_window=self._window,
                request_timeout=timeout, additional_kwargs={"num_predict": max_tokens}, client=client,
            )  # fmt: skip
            chat = _chat_messages(messages)
            if not streamed:
                response = model.chat(chat)
                yield self._piece(response, response.message.content)
                return
            for response in model.stream_chat(chat):
                yield self._piece(response, response.delta)

    def give_way(self, trouble: Trouble) -> bool:  # noqa: ARG002
        """Never: every parameter is one that Ollama has."""
        return False

    def _piece(self, response: Any, text: str | None) -> Piece:
        finish = (response.raw.get("done_reason") or "stop") if response.raw.get("done") else ""
        return Piece(text or "", finish, _usage(response.raw.get("usage") or {}))


def is_local(address: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _chat_messages(messages: Sequence[Message]) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role=message.role, content=message.content) for message in messages]


def _usage(counts: Mapping[str, Any]) -> dict[str, int]:
    names = {"prompt": "prompt_tokens", "completion": "completion_tokens"}
    return {name: counts[key] for name, key in names.items() if isinstance(counts.get(key), int)}
