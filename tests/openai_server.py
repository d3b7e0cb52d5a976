"""A language model's server for the tests: real HTTP on loopback, the OpenAI chat protocol and Ollama's.

It counts the tokens of each prompt with OpenAI's own encoding and refuses what does not fit its window, as the real ones
do. What it answers is scripted: one `Act` a request, the last one for ever.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Say:
    """Answer with `text`, or with what `text` makes of the messages.

    `pause` seconds pass before each word; `cut_after` words the connection breaks (`politely`: it is closed as if all had
    been said); `usage` and `finish` say whether the server tells the tokens and why it stopped.
    """

    text: str | Callable[[Messages], str]
    pause: float = 0.0
    cut_after: int | None = None
    politely: bool = False
    usage: bool = True
    finish: str | None = "stop"


@dataclass(frozen=True)
class Refuse:
    """Answer with an HTTP error: `body` is sent as JSON, or as it is when it is a string."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Garble:
    """Answer 200 with `body`, whatever was asked."""

    body: str
    media_type: str = "application/json"


@dataclass(frozen=True)
class HangUp:
    """Close the connection without a byte."""


Act = Say | Refuse | Garble | HangUp


@dataclass(frozen=True)
class Request:
    """One request as it came; `prompt_tokens` is 0 when it held no messages."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    prompt_tokens: int


def failure(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    """The body of an error as OpenAI sends it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@cache
def _encoding() -> Any:
    """OpenAI's o200k encoding, from the copy that llama-index-core carries.

    Built apart from tiktoken's registry: what the code under test loads stays its own doing.
    """
    import pytest
    import tiktoken
    import tiktoken_ext.openai_public
    from llama_index import core

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(Path(core.__file__).parent / "_static" / "tiktoken_cache"))
        return tiktoken.Encoding(**tiktoken_ext.openai_public.o200k_base())


def count_tokens(text: str) -> int:
    """Tokens of a text."""
    return len(_encoding().encode(text, disallowed_special=()))


def count_prompt(messages: Messages) -> int:
    """Tokens of a chat prompt: three a message beside its role and content, three that open the answer (OpenAI's rule)."""
    return 3 + sum(3 + count_tokens(str(m["role"])) + count_tokens(str(m["content"])) for m in messages)


class ChatServer:
    """A server on loopback, alive inside `with`. `requests` holds what came, in order."""

    def __init__(
        self, *acts: Act, models: Sequence[str] = ("tiny",), window: int = 4096, key: str | None = None,
        rejects: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`key` is demanded when given; `rejects` maps a parameter of the request to the message that refuses it."""
        self.acts = acts or (Say("Yes [1]."),)
        self.models = tuple(models)
        self.window = window
        self.key = key
        self.rejects = dict(rejects or {})
        self.requests: list[Request] = []
        self._turns = 0
        self._lock = threading.Lock()

    def __enter__(self) -> ChatServer:
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.server = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        try:
            socket.create_connection(("127.0.0.1", self._http.server_port), timeout=10).close()
        except OSError as error:
            # A network namespace of its own, say, whose loopback nobody has brought up.
            self.__exit__(type(error), error, error.__traceback__)
            import pytest

            pytest.skip(f"this machine does not reach itself on 127.0.0.1: {error.strerror}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """As in `127.0.0.1:8080`."""
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        """What `--llm` takes."""
        return f"http://{self.host}/v1"

    @property
    def chats(self) -> list[Request]:
        """The requests that asked for an answer."""
        return [request for request in self.requests if request.path in ("/v1/chat/completions", "/api/chat")]

    def take_turn(self) -> Act:
        """The act for the next chat that is in order."""
        with self._lock:
            act = self.acts[min(self._turns, len(self.acts) - 1)]
            self._turns += 1
        return act


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    server: ChatServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no fault of the server; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http
    timeout = 10

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        self._record({})
        if not self._has_key():
            return None
        if self.path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "tests"} for name in self._chat.models]
            return self._json(200, {"object": "list", "data": models})
        return self._json(404, failure(f"no such path: {self.path}"))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw)
        tokens = self._record(body)
        if not self._has_key():
            return None
        if self.path == "/v1/chat/completions":
            most = body.get("max_tokens") or body.get("max_completion_tokens") or 0
            return self._answer(body, tokens, _OpenAI(body, tokens), most)
        if self.path == "/api/chat":
            return self._answer(body, tokens, _Ollama(body, tokens), body["options"].get("num_predict", 0))
        return self._json(404, failure(f"no such path: {self.path}"))

    @property
    def _chat(self) -> ChatServer:
        return self.server.server

    def _record(self, body: Mapping[str, Any]) -> int:
        tokens = count_prompt(body["messages"]) if "messages" in body else 0
        self._chat.requests.append(Request(self.command, self.path, dict(self.headers.items()), body, tokens))
        return tokens

    def _has_key(self) -> bool:
        allowed = self._chat.key is None or self.headers.get("Authorization") == f"Bearer {self._chat.key}"
        if not allowed:
            self._json(
                401, failure(f"Incorrect API key provided: {self.headers.get('Authorization')}.", "invalid_api_key")
            )
        return allowed

    def _answer(self, body: Mapping[str, Any], tokens: int, dialect: _OpenAI | _Ollama, most: int) -> None:
        if body["model"] not in self._chat.models:
            return self._json(404, dialect.unknown_model())
        for name, message in self._chat.rejects.items():
            if name in body:
                return self._json(400, failure(message, "unsupported_parameter"))
        if tokens + most > self._chat.window:
            return self._json(400, dialect.overflow(self._chat.window, most))
        match self._chat.take_turn():
            case Refuse(status, content, headers):
                return self._json(status, content, headers)
            case Garble(content, media_type):
                return self._send(200, content.encode(), {"Content-Type": media_type})
            case HangUp():
                return self._break_off()
            case Say() as say:
                return self._say(say, dialect, streamed=bool(body.get("stream", isinstance(dialect, _Ollama))))

    def _say(self, say: Say, dialect: _OpenAI | _Ollama, *, streamed: bool) -> None:
        text = say.text if isinstance(say.text, str) else say.text(dialect.body["messages"])
        words = re.findall(r"\S+\s*|\s+", text)
        if not streamed:
            time.sleep(say.pause * len(words))
            return self._json(200, dialect.whole(text, say))
        self.send_response(200)
        self.send_header("Content-Type", dialect.stream_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, word in enumerate(words):
            if number == say.cut_after:
                return self._chunk(b"") if say.politely else self._break_off()
            time.sleep(say.pause)
            self._chunk(dialect.piece(word))
        for last in dialect.ending(text, say):
            self._chunk(last)
        return self._chunk(b"")

    def _break_off(self) -> None:
        """Reset the connection: the client sees an error, not an end."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        data = content if isinstance(content, str) else json.dumps(content)
        self._send(status, data.encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@dataclass(frozen=True)
class _OpenAI:
    """The OpenAI chat protocol (platform.openai.com/docs/api-reference/chat)."""

    body: Mapping[str, Any]
    tokens: int
    stream_type = "text/event-stream"

    def unknown_model(self) -> dict[str, Any]:
        return failure(
            f"The model `{self.body['model']}` does not exist or you do not have access to it.", "model_not_found"
        )

    def overflow(self, window: int, most: int) -> dict[str, Any]:
        return failure(
            f"This model's maximum context length is {window} tokens. However, you requested {self.tokens + most} tokens "
            f"({self.tokens} in the messages, {most} in the completion). Please reduce the length of the messages.",
            "context_length_exceeded",
        )

    def whole(self, text: str, say: Say) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": say.finish}]
        return {**self._head("chat.completion"), "choices": choices} | (
            {"usage": self._usage(text)} if say.usage else {}
        )

    def piece(self, word: str) -> bytes:
        return self._event([{"index": 0, "delta": {"content": word}, "finish_reason": None}])

    def ending(self, text: str, say: Say) -> Iterator[bytes]:
        yield self._event([{"index": 0, "delta": {}, "finish_reason": say.finish}])
        if say.usage and (self.body.get("stream_options") or {}).get("include_usage"):
            yield self._event([], usage=self._usage(text))
        yield b"data: [DONE]\n\n"

    def _usage(self, text: str) -> dict[str, int]:
        said = count_tokens(text)
        return {"prompt_tokens": self.tokens, "completion_tokens": said, "total_tokens": self.tokens + said}

    def _event(self, choices: list[Any], **more: Any) -> bytes:
        return (
            b"data: "
            + json.dumps({**self._head("chat.completion.chunk"), "choices": choices, **more}).encode()
            + b"\n\n"
        )

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1767225600, "model": self.body["model"]}


@dataclass(frozen=True)
class _Ollama:
    """Ollama's own chat protocol (its docs/api.md): JSON lines. A prompt too long is refused here; Ollama itself cuts it."""

    body: Mapping[str, Any]
    tokens: int
    stream_type = "application/x-ndjson"

    def unknown_model(self) -> dict[str, Any]:
        return {"error": f"model '{self.body['model']}' not found"}

    def overflow(self, window: int, most: int) -> dict[str, Any]:
        return {
            "error": f"the prompt of {self.tokens} tokens and {most} to answer exceed the context length of {window} tokens"
        }

    def whole(self, text: str, say: Say) -> dict[str, Any]:
        return self._line(text, done=True, text=text, say=say)

    def piece(self, word: str) -> bytes:
        return json.dumps(self._line(word)).encode() + b"\n"

    def ending(self, text: str, say: Say) -> Iterator[bytes]:
        yield json.dumps(self._line("", done=True, text=text, say=say)).encode() + b"\n"

    def _line(self, content: str, *, done: bool = False, text: str = "", say: Say | None = None) -> dict[str, Any]:
        line: dict[str, Any] = {
            "model": self.body["model"], "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": content}, "done": done,
        }  # fmt: skip
        if say is not None:
            line["done_reason"] = say.finish
            if say.usage:
                line |= {"prompt_eval_count": self.tokens, "eval_count": count_tokens(text)}
        return line
