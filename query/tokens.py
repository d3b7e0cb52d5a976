"""Counts tokens as the answering model does, or says that it estimates.

OpenAI's models and the built-in answerer are counted by tiktoken, a local tokenizer.json by tokenizers. Nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count as numbers
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from indexer.errors import PinciteError
from indexer.records import Count, Message

if TYPE_CHECKING:
    import tiktoken
    import tokenizers

    from query.chat_template import ChatTemplate

# What a chat costs beside its text, for each message and for the reply that it opens: OpenAI's cookbook,
# examples/How_to_count_tokens_with_tiktoken.ipynb, num_tokens_from_messages. The role's own token comes on top.
OPENAI_MESSAGE = 3
OPENAI_REPLY = 3

# The same where the chat template is not known. The dearest of the common ones: Llama 2's system marks, as plain text,
# cost 12 in its first message; ChatML, Llama 3, Gemma and Mistral 4 to 6 for each message, 1 to 5 for the prompt.
TEMPLATE_MESSAGE = 8
TEMPLATE_PROMPT = 16

# An estimate is cl100k's count times MARGIN, plus so much a character where other vocabularies are at their dearest: they
# spend a token on each digit (cl100k one on three), have none for long runs of signs, and fewer for capitals and emoji.
# Fitted to Mistral's vocabularies of 32k (a sentencepiece like Llama 2's) and 131k and to o200k, in windows of 600
# characters: prose in 16 languages from English to Thai, capitals, Python, CSV, base64, hex, columns of numbers, tables.
# English prose needs 0.78, 0.71 and 0.68 of it. The scripts for which some vocabulary has little beside the bytes are fitted
# to these and to Anthropic's first one of 65k: Thai and Khmer, Vietnamese, full-width letters and half-width kana.
MARGIN = 1.4
DIGIT = 0.7
CAPITAL = 0.1  # after another capital
EMOJI = 0.5  # and all else beyond U+FFFF
REPEATED = 0.35  # a sign or space before the same again
BREAK = 1.0  # a tab or newline after other white space
VIETNAMESE = 2.0  # a letter with two marks
TURKISH = 0.3
WIDTH = 1.3  # a full-width or half-width form
INDIC = 0.35  # a letter of India or Sri Lanka, Lao, Tibetan or Burmese
THAI = 0.7
KHMER = 1.1

# Long runs are cut before tiktoken sees them: its time grows with the square of a run's length up to 0.11, and since
# then it refuses long runs of white space ("Max stack size exceeded for backtracking"). Below LONGEST_RUN nothing is cut.
LONGEST_RUN = 2_000
SLICE = 1_000
OVERLAP = 64

# Of longer texts only the last ones are kept: whole prompts, counted again for the ledger.
_REMEMBERED, _LONG_ONES = 10_000, 4
_DEAR = (
    (DIGIT, re.compile(r"\d")),
    (CAPITAL, re.compile(r"(?<=[A-Z])[A-Z]")),
    (EMOJI, re.compile(r"[\U00010000-\U0010ffff]")),
    (REPEATED, re.compile(r"([^\w\t\r\n]|_)(?=\1)")),
    (BREAK, re.compile(r"(?<=\s)[\t\r\n]")),
    (VIETNAMESE, re.compile(r"[\u1ea0-\u1ef9]")),
    (TURKISH, re.compile(r"[ğışĞİŞ]")),
    (WIDTH, re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc]")),
    (INDIC, re.compile(r"[\u0900-\u0dff\u0e80-\u109f]")),
    (THAI, re.compile(r"[\u0e00-\u0e7f]")),
    (KHMER, re.compile(r"[\u1780-\u17ff]")),
)
# White space as Rust's regex has it: Python's also takes the four separators from U+001C.
_RUN = re.compile(
    rf"(?<![\S\x1c-\x1f])[\S\x1c-\x1f]{{{LONGEST_RUN + 1},}}|(?<![^\S\x1c-\x1f])[^\S\x1c-\x1f]{{{LONGEST_RUN + 1},}}"
)
# Between a letter and these signs both of OpenAI's patterns always begin a new piece: a cut there changes no count.
_SEAM = re.compile(r"(?<=[^\W\d_])(?=[,.;:!?()，。、；：！？（）])")


class TokenCounter(Protocol):
    """Counts what a text, or a whole prompt, costs a model."""

    @property
    def name(self) -> str:
        """The model it counts for."""
        ...

    @property
    def count(self) -> Count:
        """Whether it is the model's own tokenizer, or an estimate that is meant to be too high."""
        ...

    def text(self, text: str) -> int:
        """The tokens of a text alone. Text that looks like a special token is text."""
        ...

    def messages(self, messages: Sequence[Message]) -> int:
        """The tokens of the whole prompt as sent: roles, chat template and the opening of the reply included."""
        ...


def counter(model: str = "", tokenizer: Path | None = None) -> TokenCounter:
    """The counter for a model: a name as OpenAI has it, with or without `openai/`; or any name, with its tokenizer.

    `tokenizer` is a tokenizer.json, or the folder that holds one; its chat template is used when it lies beside it. No
    model is the built-in answerer, counted in cl100k. Any other name without a tokenizer is estimated from cl100k.
    Raises PinciteError when the tokenizer can't be read, or OpenAI's vocabularies are missing.
    """
    if tokenizer is not None:
        return _local(model, tokenizer)
    name = model.removeprefix("openai/")
    encoding = "cl100k_base" if not model else _openai_encoding(name)
    if encoding:
        return OpenAICounter(model or "built-in answerer", _cl100k_or_o200k(encoding))
    return EstimateCounter(model, OpenAICounter(model, _cl100k_or_o200k("cl100k_base")))


def sendable(text: str) -> str:
    """The text with lone surrogates, which no encoding can send, as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A count of a text that remembers: packing asks for the same blocks again and again."""

    long: Callable[[str], int]
    recent: Callable[[str], int]

    @classmethod
    def of(cls, counted: Callable[[str], int]) -> _Remembered:
        return cls(lru_cache(maxsize=_LONG_ONES)(counted), lru_cache(maxsize=4096)(counted))

    def __call__(self, text: str) -> int:
        return self.recent(text) if len(text) <= _REMEMBERED else self.long(text)


class OpenAICounter:
    """Counts by tiktoken: exact for a text, and for chats by the overhead that OpenAI documents.

    A text with an unbroken run of more than LONGEST_RUN characters is cut, and counted a little high.
    """

    count: Count = "exact"

    def __init__(self, name: str, encoding: tiktoken.Encoding) -> None:
        self.name = name
        self.text: Callable[[str], int] = _Remembered.of(
            lambda text: sum(len(encoding.encode_ordinary(part)) for part in slices(sendable(text)))
        )

    def messages(self, messages: Sequence[Message]) -> int:
        """The tokens of the whole prompt as sent."""
        parts = (OPENAI_MESSAGE + self.text(message.role) + self.text(message.content) for message in messages)
        return sum(parts) + OPENAI_REPLY


class EstimateCounter:
    """Counts for a model whose tokenizer is not at hand: cl100k with a margin, never more than the UTF-8 bytes.

    Byte-level vocabularies, and sentencepiece with byte fallback, can't need more than a token a byte and one in front.
    """

    count: Count = "estimate"

    def __init__(self, name: str, base: TokenCounter) -> None:
        self.name = name
        self.text: Callable[[str], int] = _Remembered.of(lambda text: _estimate(sendable(text), base))

    def messages(self, messages: Sequence[Message]) -> int:
        """The tokens that the whole prompt is thought to need at most."""
        return TEMPLATE_PROMPT + sum(TEMPLATE_MESSAGE + self.text(message.content) for message in messages)


def _estimate(text: str, base: TokenCounter) -> int:
    likely = MARGIN * base.text(text) + sum(cost * len(dear.findall(text)) for cost, dear in _DEAR)
    return min(ceil(likely), len(text.encode()) + 1) if text else 0


class TokenizerCounter:
    """Counts by a model's own tokenizer.json; the prompt is rendered by its chat template when there is one.

    Without a template, or when it refuses the messages, their texts are added up with an allowance for what a template
    would put between them. Special tokens that stand in a text are counted as the dearer of special and text: servers
    differ in how they read them.
    """

    count: Count = "exact"

    def __init__(self, name: str, file: Path, template: ChatTemplate | None) -> None:
        self.name = name
        self._file, self._tokenizer, self._template = file, _loaded(file), template
        added = self._tokenizer.get_added_tokens_decoder().values()
        self._special = tuple(token.content for token in added if token.special)
        self.text: Callable[[str], int] = _Remembered.of(self._as_text)

    def messages(self, messages: Sequence[Message]) -> int:
        """The tokens of the whole prompt as sent."""
        prompt = self._template.render(messages) if self._template else None
        if prompt is None:
            return TEMPLATE_PROMPT + sum(TEMPLATE_MESSAGE + self.text(message.content) for message in messages)
        return _length(self._tokenizer, prompt) + sum(self._dearer(message.content) for message in messages)

    def _dearer(self, content: str) -> int:
        """How many tokens more this text costs where its special tokens are read as text."""
        return max(0, self.text(content) - _length(self._tokenizer, content)) if self._holds_special(content) else 0

    def _as_text(self, text: str) -> int:
        return _length(self._plain if self._holds_special(text) else self._tokenizer, text)

    def _holds_special(self, text: str) -> bool:
        return any(token in text for token in self._special)

    @cached_property
    def _plain(self) -> tokenizers.Tokenizer:
        """The tokenizer once more, reading special tokens as text: loaded only for the rare text that holds one."""
        tokenizer = _loaded(self._file)
        tokenizer.encode_special_tokens = True
        return tokenizer


def slices(text: str) -> list[str]:
    """The text in parts that tiktoken encodes in good time, whose counts add up to its own or a little more.

    Parts meet where a new piece begins anyway; in a run with no such place each reaches OVERLAP characters into the next.
    Sums of plain halves may fall short: a merge across the seam can break tokens on both sides of it.
    """
    if len(text) <= LONGEST_RUN:
        return [text]
    parts, begin = [], 0
    for run in _RUN.finditer(text):
        cut = run.start() + SLICE
        while run.end() - cut > OVERLAP:
            seams = [seam.start() for seam in _SEAM.finditer(text, cut - SLICE // 2, cut)]
            end, begins = (seams[-1], seams[-1]) if seams else (cut + OVERLAP, cut)
            parts.append(text[begin:end])
            begin, cut = begins, begins + SLICE
    return [*parts, text[begin:]]


def _openai_encoding(name: str) -> str:
    """The encoding of an OpenAI model, "" when the name is not one of theirs or the encoding is not at hand."""
    if "/" in name:
        return ""
    import tiktoken

    try:
        encoding = tiktoken.encoding_name_for_model(name.lower())
    except KeyError:
        return ""
    return encoding if encoding in _VOCABULARIES else ""


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """A tiktoken vocabulary as llama-index-core carries it: file name, SHA-256, and the pattern that cuts text in pieces.

    The three are the encoding's definition, from tiktoken_ext/openai_public.py; tests hold them against it.
    """

    file: str
    sha256: str
    pattern: str


_VOCABULARIES = {
    "cl100k_base": _Vocabulary(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "o200k_base": _Vocabulary(
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}


@lru_cache(maxsize=2)
def _cl100k_or_o200k(name: str) -> tiktoken.Encoding:
    """The encoding, from the file on disk: tiktoken's own loader fetches, and removes a file that it finds damaged.

    No special tokens: text from documents is never one. Raises PinciteError when the file is missing or damaged.
    """
    import tiktoken

    vocabulary = _VOCABULARIES[name]
    return tiktoken.Encoding(
        name, pat_str=vocabulary.pattern, mergeable_ranks=_ranks(_vocabulary_bytes(vocabulary)), special_tokens={}
    )


def _vocabulary_bytes(vocabulary: _Vocabulary) -> bytes:
    from hashlib import sha256
    from importlib.util import find_spec

    # llama_index is a namespace: finding it imports nothing, where importing llama_index.core takes seconds.
    spec = find_spec("llama_index")
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in folders:
        path = folder / "core" / "_static" / "tiktoken_cache" / vocabulary.file
        if path.is_file():
            data = path.read_bytes()
            if sha256(data).hexdigest() == vocabulary.sha256:
                return data
            raise PinciteError(f"The vocabulary for counting tokens is damaged: {path}.", _REINSTALL)
    raise PinciteError("The vocabulary for counting tokens, a part of llama-index-core, is missing.", _REINSTALL)


_REINSTALL = "Install it again: pip install --force-reinstall --no-deps llama-index-core"


def _ranks(data: bytes) -> dict[bytes, int]:
    """Token to rank, from lines of a token in base64 and its rank. The hash has shown that rank is the line's number."""
    from binascii import a2b_base64

    return dict(zip(map(a2b_base64, data.split()[::2]), numbers(), strict=False))


def _local(model: str, path: Path) -> TokenizerCounter:
    """A counter by a tokenizer.json, and the chat template in its folder."""
    from query import chat_template

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise PinciteError(
            f"There is no tokenizer at {file}.", "Give the model's tokenizer.json, or the folder that holds it."
        )
    return TokenizerCounter(model or str(file), file, chat_template.find(file.parent))


def _loaded(file: Path) -> tokenizers.Tokenizer:
    import tokenizers

    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing narrower
        raise PinciteError(
            f"The tokenizer in {file} can't be read: {error}.", "It must be a tokenizer.json of the tokenizers library."
        ) from error
    # The file may carry the training's limits: a count must not stop at them.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _length(tokenizer: Any, text: str) -> int:
    return len(tokenizer.encode(sendable(text), add_special_tokens=False))
