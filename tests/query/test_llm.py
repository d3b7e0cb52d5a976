"""Models behind a real HTTP server: every call ends in an answer, or in one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from openai_server import ChatServer, Garble, HangUp, Refuse, Say, count_prompt, count_tokens, failure
from wall import Wall

from indexer.config import Settings
from indexer.errors import ModelError
from indexer.records import Message
from query.llm import Model, Reply, open_model

PROMPT = (Message("system", "Answer from the passages."), Message("user", "How many days of leave?"))
TOKENS = count_prompt([message.as_json() for message in PROMPT])
SENTENCE = "New employees get 25 days [1]."
USAGE = {"prompt": TOKENS, "completion": count_tokens(SENTENCE)}
BUSY = Refuse(429, failure("Rate limit reached.", "rate_limit_exceeded"), {"Retry-After": "3"})


class Waits(list[float]):
    """Keeps the waits instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


def settings(llm: str, model: str = "", **more: float) -> Settings:
    return Settings(Path("library"), llm=llm, model=model, **more)


def opened(server: ChatServer, waits: Waits, kind: str = "compatible", **more: float) -> Model:
    """The server's model, reached in one of the three ways."""
    address = f"http://{server.host}"
    spec, name, environment = {
        "compatible": (server.url, "tiny", {}),
        "openai": ("openai/tiny", "", {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": server.url}),
        "known": ("openai/gpt-4o-mini", "", {"OPENAI_API_KEY": "sk-secret", "OPENAI_API_BASE": server.url}),
        "ollama": ("ollama/tiny", "", {"OLLAMA_HOST": address}),
    }[kind]
    model = open_model(settings(spec, name, **more), environment, waits)
    assert model is not None
    return model


def failed(
    server: ChatServer, waits: Waits, kind: str = "compatible", *, streamed: bool = False, **more: float
) -> ModelError:
    """The error that a call ends in."""
    with pytest.raises(ModelError) as caught:
        opened(server, waits, kind, **more).reply(
            PROMPT, max_tokens=64, on_text=(lambda text: None) if streamed else None
        )
    assert "\n" not in str(caught.value), f"not one line: {caught.value}"
    return caught.value


KINDS = pytest.mark.parametrize("kind", ["compatible", "openai", "known", "ollama"])


@KINDS
def test_a_whole_answer(kind: str, waits: Waits) -> None:
    with ChatServer(Say(SENTENCE), models=("tiny", "gpt-4o-mini")) as server:
        model = opened(server, waits, kind)
        assert model.reply(PROMPT, max_tokens=64) == Reply(SENTENCE, USAGE)
        assert model.host == server.host
    body = server.chats[0].body
    assert body["messages"] == [message.as_json() for message in PROMPT]
    assert body.get("stream") in (None, False)


@KINDS
def test_a_streamed_answer(kind: str, waits: Waits) -> None:
    heard: list[str] = []
    with ChatServer(Say(SENTENCE), models=("tiny", "gpt-4o-mini")) as server:
        assert opened(server, waits, kind).reply(PROMPT, max_tokens=64, on_text=heard.append) == Reply(SENTENCE, USAGE)
    assert heard == ["New ", "employees ", "get ", "25 ", "days ", "[1]."]


@pytest.mark.parametrize("kind", ["compatible", "openai", "known"])
def test_what_is_asked_of_an_openai_server(kind: str, waits: Waits) -> None:
    with ChatServer(Say(SENTENCE), models=("tiny", "gpt-4o-mini")) as server:
        opened(server, waits, kind).reply(PROMPT, max_tokens=64, on_text=lambda text: None)
    body = server.chats[0].body
    assert (body["temperature"], body["max_tokens"], body["stream_options"]) == (0.0, 64, {"include_usage": True})


def test_what_is_asked_of_ollama(waits: Waits) -> None:
    with ChatServer(Say(SENTENCE)) as server:
        opened(server, waits, "ollama", window=2048).reply(PROMPT, max_tokens=64)
    (request,) = server.requests
    assert request.path == "/api/chat"
    assert request.body["options"] == {"temperature": 0.0, "num_ctx": 2048, "num_predict": 64}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_busy_server_is_asked_again_when_it_says(waits: Waits, streamed: bool) -> None:
    heard: list[str] = []
    with ChatServer(BUSY, Say(SENTENCE)) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=64, on_text=heard.append if streamed else None)
    assert (reply.text, waits, len(server.chats)) == (SENTENCE, [3.0], 2)
    assert "".join(heard) == (SENTENCE if streamed else "")


def test_a_date_in_retry_after(waits: Waits) -> None:
    import time

    with ChatServer(
        Refuse(503, "", {"Retry-After": formatdate(time.time() + 8, usegmt=True)}), Say(SENTENCE)
    ) as server:
        opened(server, waits).reply(PROMPT, max_tokens=64)
    (wait,) = waits
    assert 5 < wait <= 8


def test_nobody_waits_for_long(waits: Waits) -> None:
    with ChatServer(Refuse(429, failure("Slow down."), {"Retry-After": "600"})) as server:
        error = failed(server, waits)
    assert (waits, len(server.chats)) == ([], 1)
    assert error.hint == "Ask again in 600 s."
    assert error.retryable


def test_an_empty_account_is_not_asked_again(waits: Waits) -> None:
    body = failure("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
    with ChatServer(Refuse(429, body)) as server:
        error = failed(server, waits)
    assert (waits, len(server.chats)) == ([], 1)
    assert error.message == f"the account at {server.host} has no quota left (429: You exceeded your current quota.)."


@pytest.mark.parametrize("kind", ["compatible", "ollama"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_failing_server_ends_in_one_line(kind: str, streamed: bool, waits: Waits) -> None:
    with ChatServer(Refuse(500, failure("CUDA out of memory"))) as server:
        error = failed(server, waits, kind, streamed=streamed)
    assert (waits, len(server.chats)) == ([0.5, 2.0], 3)
    assert error.message == f"{server.host} failed to answer (500: CUDA out of memory), 3 times."
    assert error.hint == "Look at the server's log, or ask again later."
    assert (error.retryable, error.overflow) == (True, False)


def test_a_gateways_page_is_told_without_its_markup(waits: Waits) -> None:
    with ChatServer(
        Refuse(502, "<html><h1>Bad\x1b[31m Gateway</h1>\n</html>", {"Content-Type": "text/html"})
    ) as server:
        assert failed(server, waits).message == f"{server.host} failed to answer (502: Bad[31m Gateway), 3 times."


@pytest.mark.parametrize("kind", ["compatible", "ollama"])
@pytest.mark.parametrize("politely", [False, True])
def test_a_cut_stream_keeps_what_came(kind: str, politely: bool, waits: Waits) -> None:
    heard: list[str] = []
    with ChatServer(Say(SENTENCE, cut_after=4, politely=politely)) as server:
        reply = opened(server, waits, kind).reply(PROMPT, max_tokens=64, on_text=heard.append)
    assert reply == Reply("New employees get 25", {}, ("the model's stream broke off after 4 words",))
    assert "".join(heard) == "New employees get 25 "
    assert len(server.chats) == 1, "text that was shown is not asked for again"


@pytest.mark.parametrize("kind", ["compatible", "ollama"])
@pytest.mark.parametrize("act", [HangUp(), Say(SENTENCE, cut_after=0), Say(SENTENCE, cut_after=0, politely=True)])
def test_a_stream_without_a_word_is_an_error(kind: str, act: HangUp | Say, waits: Waits) -> None:
    with ChatServer(act) as server:
        error = failed(server, waits, kind, streamed=True)
    assert (waits, len(server.chats)) == ([0.5, 2.0], 3)
    name = "ollama/tiny" if kind == "ollama" else "tiny"
    politely = isinstance(act, Say) and act.politely
    said = (
        f"ended its answer without a word of {name}"
        if politely
        else f"broke the connection off before {name} said a word"
    )
    assert error.message == f"{server.host} {said}, 3 times."


def test_a_broken_connection_is_tried_again(waits: Waits) -> None:
    with ChatServer(HangUp(), Say(SENTENCE)) as server:
        assert opened(server, waits).reply(PROMPT, max_tokens=64).text == SENTENCE
    assert waits == [0.5]


@pytest.mark.parametrize("kind", ["compatible", "ollama"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_prompt_too_long_for_the_server(kind: str, streamed: bool, waits: Waits) -> None:
    with ChatServer(window=80) as server:
        error = failed(server, waits, kind, streamed=streamed)
    name = "ollama/tiny" if kind == "ollama" else "tiny"
    assert error.message == f"the prompt is too long for {name} at {server.host}, which takes 80 tokens in all."
    assert (error.hint, error.overflow, waits) == ("Ask with --window 80.", True, [])


LLAMA_CPP = {
    "code": 400, "message": "the request exceeds the available context size, try increasing it",
    "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 8192,
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "window", "prompt"),
    [
        (400, {"error": LLAMA_CPP}, 8192, 9000),
        (400, {"error": {"message": "request (5012 tokens) exceeds the available context size (4096 tokens), try increasing it"}}, 4096, 5012),
        (500, {"error": "the request exceeds the available context size. try increasing the context size"}, None, None),
        (400, {"object": "error", "message": "This model's maximum context length is 2048 tokens. However, you requested 2123 tokens."}, 2048, None),
        (400, failure("This model's maximum context length is 2048 tokens. However, you requested 2123 tokens (2023 in the messages, 100 in the completion)."), 2048, 2023),
        (400, failure("Prompt contains 40000 tokens, too large for model with 32768 maximum context length"), 32768, 40000),
        (400, failure("prompt is too long: 200312 tokens > 200000 maximum"), 200000, 200312),
        (413, failure("Your input exceeds the context window of this model."), None, None),
    ],
)  # fmt: skip
def test_how_servers_say_that_a_prompt_is_too_long(
    status: int, body: object, window: int | None, prompt: int | None, waits: Waits
) -> None:
    with ChatServer(Refuse(status, body)) as server:
        error = failed(server, waits)
    assert (error.overflow, len(server.chats)) == (True, 1), error
    assert error.hint == (f"Ask with --window {window}." if window else "Ask with a smaller --window.")
    assert (error.window, error.prompt) == (window, prompt)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "act",
    [
        Garble("{this is not JSON"),
        Garble("<html>It works!</html>", "text/html"),
        Garble("[]"),
        Garble('{"choices": null}'),
        Garble('data: {"choices": [\n\n', "text/event-stream"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_answer(act: Garble, streamed: bool, waits: Waits) -> None:
    with ChatServer(act) as server:
        error = failed(server, waits, streamed=streamed)
    page = streamed and "event-stream" not in act.media_type
    said = f"{server.host} ended its answer without a word of tiny, 3 times." if page else (
        f"what {server.host} sent is not an answer in the protocol of chat models.")  # fmt: skip
    assert error.message == said
    assert "/v1" in error.hint


def test_json_in_the_middle_of_a_stream_that_breaks(waits: Waits) -> None:
    body = 'data: {"choices": [{"index": 0, "delta": {"content": "Two words "}}]}\n\ndata: {"choi\n\n'
    with ChatServer(Garble(body, "text/event-stream")) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=64, on_text=lambda text: None)
    assert reply == Reply("Two words", {}, ("the model's stream broke off after 2 words",))


def test_an_error_told_in_the_stream(waits: Waits) -> None:
    body = 'data: {"error": {"message": "maximum context length is 512 tokens", "code": "context_length_exceeded"}}\n\n'
    with ChatServer(Garble(body, "text/event-stream")) as server:
        error = failed(server, waits, streamed=True)
    assert (error.overflow, error.hint) == (True, "Ask with --window 512.")


@KINDS
@pytest.mark.parametrize("streamed", [False, True])
def test_an_empty_answer_is_noted(kind: str, streamed: bool, waits: Waits) -> None:
    with ChatServer(Say("", usage=False), models=("tiny", "gpt-4o-mini")) as server:
        reply = opened(server, waits, kind).reply(
            PROMPT, max_tokens=64, on_text=(lambda text: None) if streamed else None
        )
    assert reply == Reply("", {}, ("the model gave an empty answer",))


def test_an_answer_cut_at_its_reserve_is_noted(waits: Waits) -> None:
    with ChatServer(Say(SENTENCE, finish="length")) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=7)
    assert reply.notes == ("the answer was cut at 7 tokens: --reserve gives it more",)


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_are_not_part_of_the_answer(streamed: bool, waits: Waits) -> None:
    heard: list[str] = []
    with ChatServer(Say("<think>\nLet me see.\n[9] </think>\n\n" + SENTENCE)) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=64, on_text=heard.append if streamed else None)
    assert reply.text == SENTENCE
    assert "".join(heard) == (SENTENCE if streamed else "")


def test_nothing_but_thoughts(waits: Waits) -> None:
    with ChatServer(Say("<think> Let me see. There are", finish="length")) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=9)
    assert (reply.text, reply.notes[0]) == (
        "",
        "the model spent all 9 tokens of the answer on thinking: --reserve gives it more",
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_control_characters_never_pass(streamed: bool, waits: Waits) -> None:
    heard: list[str] = []
    with ChatServer(Say("Red \x1b[31m alert\x07\u202e one\r\n two\x00 [1]")) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=64, on_text=heard.append if streamed else None)
    assert reply.text == "Red [31m alert one\n two [1]"
    assert "".join(heard) == (reply.text if streamed else "")


def test_a_slow_server(waits: Waits) -> None:
    with ChatServer(Say("Never mind.", pause=0.4)) as server:
        error = failed(server, waits, timeout=0.2)
    assert (error.message, waits) == (f"tiny at {server.host} gave no answer within 0.2 s.", [])


def test_a_stream_without_end_is_stopped(waits: Waits) -> None:
    with ChatServer(Say("word " * 40, pause=0.05)) as server:
        reply = opened(server, waits, timeout=0.4).reply(PROMPT, max_tokens=64, on_text=lambda text: None)
    words = len(reply.text.split())
    assert 1 <= words < 20
    assert reply.notes == (f"the model was stopped after 0.4 s and {words} words",)


def test_a_server_that_says_more_than_asked(waits: Waits) -> None:
    with ChatServer(Say("word " * 4000)) as server:
        reply = opened(server, waits).reply(PROMPT, max_tokens=8, on_text=lambda text: None)
    assert len(reply.text) <= 8 * 32 + 5
    assert reply.notes == ("the answer was cut at 8 tokens: --reserve gives it more",)


@pytest.mark.parametrize(
    ("kind", "variable"), [("openai", "OPENAI_API_KEY"), ("compatible", "PINCITE_LLM_KEY")]
)  # fmt: skip
def test_a_wrong_key_names_its_variable_and_is_not_repeated(kind: str, variable: str, waits: Waits) -> None:
    with ChatServer(key="right") as server:
        error = failed(server, waits, kind)
    assert error.hint.startswith(f"Set {variable} to a key")
    assert "sk-secret" not in str(error)
    assert len(server.chats) == 1


def test_an_unknown_model(waits: Waits) -> None:
    with ChatServer(models=("other",)) as server:
        error = failed(server, waits)
        pull = failed(server, waits, "ollama")
    assert error.message.startswith(f"{server.host} knows no model tiny (404: The model `tiny` does not exist")
    assert pull.hint == "Check the name. `ollama pull tiny` fetches it."


def test_a_wrong_path_is_told_from_a_wrong_model(waits: Waits) -> None:
    with ChatServer() as server:
        model = open_model(settings(f"http://{server.host}/v2", "tiny"), {}, waits)
        assert model is not None
        with pytest.raises(ModelError, match="no chat at that path") as caught:
            model.reply(PROMPT, max_tokens=64)
    assert caught.value.hint == "Check the address given to --llm: it usually ends in /v1."


@pytest.mark.parametrize("kind", ["compatible", "ollama"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_is_not_there(kind: str, streamed: bool, waits: Waits) -> None:
    with ChatServer() as server:
        pass
    error = failed(server, waits, kind, streamed=streamed)
    assert (error.message, waits) == (f"nothing answers at {server.host}.", [])


@pytest.mark.parametrize(("kind", "path"), [("compatible", "/v1/chat/completions"), ("ollama", "/api/chat")])
def test_a_redirect_is_not_followed(kind: str, path: str, waits: Waits) -> None:
    with ChatServer() as other, ChatServer(Refuse(307, "", {"Location": f"http://{other.host}{path}"})) as server:
        error = failed(server, waits, kind)
    assert error.message == f"{server.host} sends elsewhere (307), and no other host is asked."
    assert other.requests == []


@pytest.mark.parametrize("kind", ["compatible", "known"])
def test_a_parameter_that_a_server_refuses_is_left_out(kind: str, waits: Waits) -> None:
    rejects = {
        "max_tokens": "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
        "stream_options": "stream_options: Extra inputs are not permitted",
    }
    with ChatServer(Say(SENTENCE), rejects=rejects, models=("tiny", "gpt-4o-mini")) as server:
        model = opened(server, waits, kind)
        assert model.reply(PROMPT, max_tokens=64, on_text=lambda text: None).text == SENTENCE
        asked = len(server.chats)
        assert model.reply(PROMPT, max_tokens=64, on_text=lambda text: None).text == SENTENCE
    assert (asked, len(server.chats), waits) == (3, 4, [])
    body = server.chats[-1].body
    assert (body["max_completion_tokens"], "max_tokens" in body, "stream_options" in body) == (64, False, False)


def test_an_interrupted_listener_is_not_the_servers_trouble(waits: Waits) -> None:
    def gone(text: str) -> None:
        raise BrokenPipeError("the terminal went away")

    with ChatServer(Say(SENTENCE)) as server:
        with pytest.raises(BrokenPipeError, match="the terminal"):
            opened(server, waits).reply(PROMPT, max_tokens=64, on_text=gone)
        assert len(server.chats) == 1


# Which model, at which host, with which key.


def test_no_model_is_configured() -> None:
    assert open_model(settings("")) is None


def test_the_only_model_of_a_server_needs_no_name(waits: Waits) -> None:
    with ChatServer(Say(SENTENCE), models=("qwen",)) as server:
        model = open_model(settings(server.url), {}, waits)
        assert model is not None
        assert (model.name, model.reply(PROMPT, max_tokens=64).text) == ("qwen", SENTENCE)
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]


def test_one_of_several_models_must_be_named() -> None:
    with ChatServer(models=("qwen", "gemma")) as server, pytest.raises(ModelError) as caught:
        open_model(settings(server.url), {})
    assert str(caught.value) == f"which model of {server.host}? It has gemma, qwen. Choose one with --model NAME."


def test_an_address_without_a_path_means_v1(waits: Waits) -> None:
    with ChatServer(Say(SENTENCE)) as server:
        model = open_model(settings(f"http://{server.host}", "tiny"), {}, waits)
        assert model is not None
        assert model.reply(PROMPT, max_tokens=64).text == SENTENCE


def test_openais_key_and_headers_stay_with_openai(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-openai", "OPENAI_ORG_ID": "org-openai", "OPENAI_PROJECT_ID": "project-openai",
        "OPENAI_CUSTOM_HEADERS": "X-Team: team-openai\nAuthorization: Bearer sk-openai",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for key, sent in (("", None), ("sk-own", "Bearer sk-own")):
        with ChatServer(Say(SENTENCE)) as server:
            model = open_model(settings(server.url, "tiny"), {**os.environ, "PINCITE_LLM_KEY": key}, waits)
            assert model is not None
            model.reply(PROMPT, max_tokens=64, on_text=lambda text: None)
        headers = server.requests[0].headers
        assert headers.get("authorization", headers.get("Authorization")) == sent
        assert "openai" not in " ".join(headers.values()).lower().replace(headers["User-Agent"].lower(), ""), headers


def test_openai_gets_its_key(waits: Waits) -> None:
    with ChatServer(Say(SENTENCE), key="sk-secret") as server:
        assert opened(server, waits, "openai").reply(PROMPT, max_tokens=64).text == SENTENCE


def test_a_login_in_the_address_is_sent_and_never_shown(waits: Waits) -> None:
    with ChatServer(Refuse(401, failure("no"))) as server:
        model = open_model(settings(f"http://ann:s3cret@{server.host}/v1", "tiny"), {}, waits)
        assert model is not None
        with pytest.raises(ModelError) as caught:
            model.reply(PROMPT, max_tokens=64)
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert headers["authorization"] == "Basic YW5uOnMzY3JldA=="
    shown = f"{model!r} {model.name} {model.host} {caught.value} {model.__dict__}"
    assert "s3cret" not in shown
    assert "YW5u" not in shown


def test_the_users_proxy_is_not_asked_for_this_machine(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    for kind in ("compatible", "ollama"):
        with ChatServer(Say(SENTENCE)) as server:
            assert opened(server, waits, kind).reply(PROMPT, max_tokens=64).text == SENTENCE


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("openai/", "--llm openai/: not a model that Pincite knows how to reach. Give openai/NAME, ollama/NAME, or"),
        ("claude", "--llm claude: not a model"),
        ("ftp://ann:s3cret@host/v1", "--llm host/v1: not a model"),
        ("http://:8080/v1", "--llm: that is not the address of a server."),
        ("http://ann:s3cret@host:none/v1", "--llm: that is not the address of a server."),
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini needs a key. Set OPENAI_API_KEY to it."),
    ],
)  # fmt: skip
def test_what_can_not_be_opened(spec: str, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        open_model(settings(spec), {})
    assert str(caught.value).startswith(said)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("gpu.example:9000", "http://gpu.example:9000"),
        ("https://gpu.example", "https://gpu.example"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)  # fmt: skip
def test_where_ollama_is(given: str, base: str) -> None:
    model = open_model(settings("ollama/llama3"), {"OLLAMA_HOST": given})
    assert model is not None
    assert (model.host, model.name) == (base.partition("//")[2], "ollama/llama3")


def test_ollama_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.llm.find_spec", lambda name: None)
    with pytest.raises(ModelError) as caught:
        open_model(settings("ollama/llama3"), {})
    assert caught.value.hint == "pip install 'pincite[ollama]'"


def test_no_model_means_no_import() -> None:
    program = (
        "import sys; from pathlib import Path; from indexer.config import Settings; from query.llm import open_model;"
        "assert open_model(Settings(Path('x'))) is None;"
        "assert open_model(Settings(Path('x'), llm='openai/gpt-4o-mini'), {'OPENAI_API_KEY': 'k'}) is not None;"
        "heavy = sorted({'llama_index', 'openai', 'ollama', 'httpx', 'numpy', 'torch'} & set(sys.modules)); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_only_the_host_that_was_named_is_contacted(waits: Waits, wall: Wall) -> None:
    model = open_model(settings("openai/gpt-4o-mini"), {"OPENAI_API_KEY": "sk-secret"}, waits)
    assert model is not None
    with pytest.raises(ModelError, match=r"^nothing answers at api\.openai\.com\. "):
        model.reply(PROMPT, max_tokens=64)
    assert wall.attempts == ["api.openai.com"]
    wall.attempts.clear()


def test_llama_index_is_left_without_a_global_model(waits: Waits) -> None:
    from llama_index.core import Settings as Global

    with ChatServer(Say(SENTENCE)) as server:
        opened(server, waits).reply(PROMPT, max_tokens=64)
    assert (Global._llm, Global._embed_model) == (None, None)


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing here prints."""
    yield
    assert capfd.readouterr() == ("", "")
