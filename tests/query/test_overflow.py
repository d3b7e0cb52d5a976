"""A server that takes less than was thought: its refusal is learned from, once a question, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from openai_server import ChatServer, Refuse, Say, failure
from tokenizers import Tokenizer, models, pre_tokenizers

from indexer.chunking import chunk
from indexer.config import Settings
from indexer.entries import FileState
from indexer.errors import ModelError
from indexer.ingestion import refresh
from indexer.library import Library, open_library
from indexer.readers.text import read_markdown
from query.answer import QueryEngine
from tests.conformance.hash_embedder import HashEmbedder

EMBEDDER = HashEmbedder()
QUESTION = "How long is sick leave?"
REPACKED = "the model's server takes 1,500 tokens: the prompt was packed anew for that"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library with more about sick leave than any window here takes: codes, each of many tokens, among its words."""
    draw = Random(5)
    lines = [f"Sick leave is as long as {days} days, code {draw.randbytes(12).hex()}.\n" for days in range(400)]
    with open_library(tmp_path / "library", create=True) as library:
        library.bind(EMBEDDER)
        library.kept["embedder"] = EMBEDDER
        text = "# Leave\n\n" + "\n".join(lines)
        document = replace(read_markdown(text.encode(), "leave.md"), source="leave.md", language="en")
        chunks, texts = chunk(document, EMBEDDER)
        state = FileState("leave.md", "/shelf/leave.md", "0", len(text), 1)
        library.put(state, document, chunks, texts, EMBEDDER.embed_passages(texts))
        refresh(library)
        yield library


def engine(library: Library, server: ChatServer, tokenizer: Path | None = None, window: int = 4096) -> QueryEngine:
    return QueryEngine(
        library,
        Settings(library.folder, llm=server.url, model="tiny", tokenizer=tokenizer, window=window, reserve=256),
    )


def words_alone(folder: Path) -> Path:
    """A tokenizer that counts a word as one token, whatever it is: far fewer than the server's."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_refusal_tells_is_held_to_from_then_on(library: Library, streamed: bool) -> None:
    with ChatServer(window=1500) as server:
        asked = engine(library, server)
        told: list[int] = []
        answer = asked.ask(
            QUESTION,
            on_text=(lambda text: None) if streamed else None,
            on_send=lambda _, pack: told.append(pack.window),
        )
        assert (answer.status, answer.notes) == ("answered", (REPACKED,))
        assert answer.pack.window == 1500 and answer.pack.passages
        refused, taken = server.chats
        assert refused.prompt_tokens + 256 > 1500 >= taken.prompt_tokens + 256
        assert taken.body["messages"] == [message.as_json() for message in answer.pack.messages]
        assert told == [4096, 1500], "what is sent is told each time"
        again = asked.ask(QUESTION)
        assert (again.notes, again.pack.window, len(server.chats)) == ((), 1500, 3)
        assert engine(library, server).ask(QUESTION).notes == (REPACKED,), "another engine has to learn it"


def test_a_count_that_was_too_low_is_corrected(library: Library, tmp_path: Path) -> None:
    with ChatServer(window=1500) as server:
        asked = engine(library, server, words_alone(tmp_path), 1500)
        assert asked.counter.count == "exact"
        answer = asked.ask(QUESTION)
        refused, taken = server.chats
        assert refused.prompt_tokens > 1500 > taken.prompt_tokens + 256 > 1200, "most of the window is filled"
        assert answer.pack.prompt_tokens >= taken.prompt_tokens
        (note,) = answer.notes
        assert note.startswith(f"{REPACKED}, and its count is taken as ")
        assert answer.pack.count == "estimate", "a count that was found wrong is exact no more"
        assert answer.pack.ledger.window == answer.pack.window == 1500
        assert asked.ask(QUESTION).notes == ()


def test_llama_cpp_tells_its_window_in_a_field(library: Library) -> None:
    body = {"code": 400, "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error", "n_prompt_tokens": 3000, "n_ctx": 1500}  # fmt: skip
    with ChatServer(Refuse(400, {"error": body}), Say("Yes [1].")) as server:
        answer = engine(library, server).ask(QUESTION)
    assert (answer.notes, answer.pack.window) == ((REPACKED,), 1500)


@pytest.mark.parametrize(
    ("window", "calls"), [("1500", 2), ("300", 1), ("4096", 1), ("", 1)],
    ids=["refused again", "no room for a passage", "nothing tighter", "no number"],
)  # fmt: skip
def test_what_cannot_be_mended_is_the_error_that_it_was(library: Library, window: str, calls: int) -> None:
    refusal = Refuse(400, failure(f"The maximum context length is {window} tokens.", "context_length_exceeded"))
    with ChatServer(refusal) as server:
        asked = engine(library, server)
        with pytest.raises(ModelError, match="the prompt is too long for tiny at") as caught:
            asked.ask(QUESTION)
    assert (len(server.chats), asked.settings.window) == (calls, 1500 if calls == 2 else 4096)
    assert caught.value.hint == (f"Ask with --window {window}." if window else "Ask with a smaller --window.")
