"""`pincite ask` with a language model: the real command against a real server on loopback."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openai_server import Act, ChatServer, Garble, HangUp, Messages, Refuse, Say, failure
from process import PATIENCE, Ended, Pincite

QUESTION = "How many days of paid leave does a new employee get?"
QUOTE = "New employees get 25 days of paid leave each year"
LOST = "Which volcano erupted in Iceland in 2010?"


def _number(messages: Messages) -> str:
    """The number under which the handbook stands in the prompt that came."""
    found = re.search(r"\[(\d+)\] docs/handbook\.md", str(messages[-1]["content"]))
    assert found, messages
    return found[1]


def _right(messages: Messages) -> str:
    return f'They get 25 days: "{QUOTE}" [{_number(messages)}]'


@pytest.fixture(autouse=True)
def untouched(pincite: Pincite) -> Iterator[None]:
    """Asking a model changes nothing in the library."""
    before = _digest(pincite.library)
    yield
    assert _digest(pincite.library) == before


def _digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _ask(pincite: Pincite, server: ChatServer, *more: object, question: str = QUESTION, code: int = 0) -> Ended:
    return pincite("ask", question, "--llm", server.url, "--model", "tiny", *more, code=code)


def _cited(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["document"], one["quote"], one["status"]) for one in answer["citations"]]


def test_a_model_answers_from_the_packed_prompt_and_its_quote_is_checked(pincite: Pincite) -> None:
    with ChatServer(Say(_right)) as server:
        asked = _ask(pincite, server, "--json").json
        assert _cited(asked) == [("docs/handbook.md", QUOTE, "quote found")]
        assert (asked["status"], asked["model"], asked["notes"]) == ("answered", "tiny", [])
        (request,) = server.chats
        assert request.body["messages"] == asked["pack"]["messages"], "what was packed is what was sent"
        assert asked["usage"]["prompt"] == request.prompt_tokens
        assert request.prompt_tokens + request.body["max_tokens"] <= 4096
        said = _ask(pincite, server)
    assert said.out.startswith(f'They get 25 days: "{QUOTE}" [')
    assert f"docs/handbook.md, Leave\n    “{QUOTE}”" in said.out
    assert said.err == "", "nothing leaves this machine, so nothing is told of it"


def test_on_a_terminal_the_words_come_as_they_are_said(pincite: Pincite) -> None:
    with ChatServer(Say(_right, pause=0.02)) as server:
        seen, code = _on_terminal(pincite, "ask", QUESTION, "--llm", server.url, "--model", "tiny")
        assert server.chats[0].body["stream"] is True
    assert code == 0, seen
    assert len(seen) > 5, f"it came in {len(seen)} pieces"
    text = "".join(seen)
    assert text.count("They get 25 days") == 1, "said once, not again at the end"
    assert f"docs/handbook.md, Leave\r\n    “{QUOTE}”" in text
    assert "Traceback" not in text


def test_on_a_terminal_a_model_cannot_command_it(pincite: Pincite) -> None:
    with ChatServer(Say("Twenty \x1b[31mfive\x1b]0;title\x07 days [1].")) as server:
        seen, code = _on_terminal(pincite, "ask", QUESTION, "--llm", server.url, "--model", "tiny")
    text = "".join(seen)
    assert code == 0, text
    assert "five" in text
    assert "\x1b" not in text and "\x07" not in text, repr(text)


def _on_terminal(pincite: Pincite, *arguments: object) -> tuple[list[str], int]:
    """Run with stdout on a terminal; the pieces that came, and the exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        pincite.command(*arguments),
        cwd=pincite.folder,
        env=pincite.environment,
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux tells so that the last writer has gone
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    code = process.wait(PATIENCE)
    # Joined and cut again: a character of several bytes may come in two pieces.
    return [piece.decode("utf-8", "replace") for piece in pieces], code


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (Refuse(500, failure("Out of memory."), {"Retry-After": "0"}), "failed to answer (500: Out of memory.), 3 times."),
        pytest.param(Garble("<html>not a model</html>"), "is not an answer in the protocol of chat models.", marks=pytest.mark.slow),
        (Refuse(400, failure("This model's maximum context length is 2048 tokens.", "context_length_exceeded")), "takes 2048 tokens in all. Ask with --window 2048."),
        pytest.param(Refuse(401, failure("Incorrect API key provided.")), "refused the key (401: Incorrect API key provided.). Set PINCITE_LLM_KEY", marks=pytest.mark.slow),
        pytest.param(HangUp(), "broke the connection off before tiny said a word, 3 times.", marks=pytest.mark.slow),
    ],
    ids=["500", "garbage", "overflow", "key", "hang-up"],
)  # fmt: skip
def test_a_server_that_fails_is_told_in_one_line(pincite: Pincite, act: Act, told: str) -> None:
    with ChatServer(act) as server:
        error = pincite.error("ask", QUESTION, "--llm", server.url, "--model", "tiny", "--json")
        assert told in error
        assert server.host in error


def test_a_server_that_is_not_there_or_not_known_is_told_in_one_line(pincite: Pincite) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: nobody answers
        port = taken.getsockname()[1]
        error = pincite.error("ask", QUESTION, "--llm", f"http://127.0.0.1:{port}/v1", "--model", "tiny")
        assert error.startswith(f"nothing answers at 127.0.0.1:{port}. Start the server")
    assert (
        pincite.error("ask", QUESTION, "--llm", "openai/gpt-4o")
        == "openai/gpt-4o needs a key. Set OPENAI_API_KEY to it."
    )
    assert "not a model that Pincite knows how to reach" in pincite.error("ask", QUESTION, "--llm", "nonsense")


def test_a_stream_that_is_cut_keeps_what_came_and_says_so(pincite: Pincite) -> None:
    with ChatServer(Say(_right, cut_after=4)) as server:
        seen, code = _on_terminal(pincite, "ask", QUESTION, "--llm", server.url, "--model", "tiny")
    text = "".join(seen)
    assert code == 0, text
    assert "They get 25 days:" in text
    assert "note: the model's stream broke off after 4 words" in text


def test_what_a_model_says_is_checked_whatever_it_says(pincite: Pincite) -> None:
    """One process, one question five times: each time the model, or its server, does something else."""
    busy = Refuse(429, failure("Slow down.", kind="rate_limit"), {"Retry-After": "0"})
    invented = Say(lambda messages: f"{_right(messages)} And more [99].")
    false = Say(lambda messages: f'They get 40 days: "New employees get 40 days of paid leave" [{_number(messages)}].')
    crash = Refuse(500, failure("Crashed."), {"Retry-After": "0"})
    lines = "".join(f'{{"id": {number}, "question": "{QUESTION}"}}\n' for number in range(5))
    with ChatServer(busy, Say(_right), invented, false, Say("NOT FOUND"), crash) as server:
        batch = pincite("ask", "--batch", "-", stdin=lines, code=1, PINCITE_LLM=server.url, PINCITE_MODEL="tiny")
        assert len(server.chats) == 2 + 1 + 1 + 1 + 3, "a busy server is asked again, one that crashes three times"
    after_busy, with_invention, with_falsehood, nothing, crashed = batch.lines
    assert _cited(after_busy) == [("docs/handbook.md", QUOTE, "quote found")]
    assert _cited(with_invention) == [("docs/handbook.md", QUOTE, "quote found")]
    assert "[99]" not in with_invention["answer"]
    assert any("99" in note for note in with_invention["notes"]), with_invention["notes"]
    assert _cited(with_falsehood), with_falsehood
    assert all(status != "quote found" for _, _, status in _cited(with_falsehood)), with_falsehood
    assert (nothing["status"], nothing["answer"], nothing["citations"]) == (
        "not found",
        "Not found in your documents.",
        [],
    )
    assert list(crashed) == ["id", "question", "error"]
    assert "failed to answer (500: Crashed.), 3 times." in crashed["error"]
    assert batch.err.startswith("pincite: stdin: 1 question could not be answered.")


def test_what_was_taken_out_of_an_answer_is_told_on_stderr(pincite: Pincite) -> None:
    with ChatServer(Say(lambda messages: f"{_right(messages)} And more [99].")) as server:
        said = _ask(pincite, server)
    assert "[99]" not in said.out
    assert re.search(r"^note: .*99", said.err, re.MULTILINE), said.err


def test_a_prompt_that_the_server_finds_too_long_is_packed_anew(pincite: Pincite) -> None:
    lines = "".join(f'{{"id": {number}, "question": "{QUESTION}"}}\n' for number in range(2))
    refusal = Refuse(400, failure("This model's maximum context length is 1024 tokens.", "context_length_exceeded"))
    with ChatServer(refusal, Say(_right)) as server:
        batch = pincite("ask", "--batch", "-", stdin=lines, PINCITE_LLM=server.url, PINCITE_MODEL="tiny")
        assert len(server.chats) == 3, "one refusal is enough for both questions"
    first, second = batch.lines
    assert first["notes"] == ["the model's server takes 1,024 tokens: the prompt was packed anew for that"]
    assert (first["pack"]["window"], second["pack"]["window"], second["notes"]) == (1024, 1024, [])
    assert _cited(first) == _cited(second) == [("docs/handbook.md", QUOTE, "quote found")]


def test_ollama_is_spoken_to_in_its_own_tongue(pincite: Pincite) -> None:
    with ChatServer(Say(_right), models=["llama"]) as server:
        asked = pincite("ask", QUESTION, "--llm", "ollama/llama", "--json", OLLAMA_HOST=server.host).json
        assert [request.path for request in server.chats] == ["/api/chat"]
        assert server.chats[0].body["options"]["num_ctx"] == 4096
    assert _cited(asked) == [("docs/handbook.md", QUOTE, "quote found")]
    assert asked["model"] == "ollama/llama"


def test_no_model_is_asked_when_nothing_is_found(pincite: Pincite) -> None:
    with ChatServer() as server:
        asked = _ask(pincite, server, "--json", question=LOST).json
        empty = pincite.of(pincite.folder / "empty library")
        (pincite.folder / "nothing").mkdir()
        empty("ingest", "nothing")
        none = empty("ask", QUESTION, "--llm", server.url, "--model", "tiny")
        assert server.requests == []
    assert (asked["status"], asked["answer"], asked["citations"]) == ("not found", "Not found in your documents.", [])
    assert none.out == "Not found in your documents.\n"
    assert "the library is empty" in none.err


def test_a_prompt_is_not_sent_when_the_window_is_too_small_for_it(pincite: Pincite) -> None:
    with ChatServer() as server:
        error = pincite.error("ask", QUESTION, "--llm", server.url, "--model", "tiny", "--window", 60, "--reserve", 20)
        assert server.requests == []
    assert "a window of 60 with 20 kept for the answer leaves 40" in error
