"""LlamaIndex: SentenceSplitter, VectorStoreIndex, and its retriever.

`splitter` of the job holds the arguments of the splitter: none for its defaults, 1,024 tokens with 200 in common, of which
the model embeds the first 256; 256 and 20 to fit it. The path of a file, which it would embed with each chunk, is left out:
it is ours, not the user's (with it, it covers up to four points less or three more of SQuAD).

`persist` in the job keeps the index in that folder instead, and `load` retrieves `asked` from there: a cold start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llama_index.core import Document, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from tests.benchmarks.peers import packs


def documents(given: dict[str, Any]) -> Iterator[Document]:
    for name, text in packs.texts(given):
        hidden = ["document"]
        yield Document(
            text=text,
            metadata={"document": name},
            excluded_embed_metadata_keys=hidden,
            excluded_llm_metadata_keys=hidden,
        )


def nodes(given: dict[str, Any]) -> list[BaseNode]:
    return SentenceSplitter(**given["splitter"]).get_nodes_from_documents(list(documents(given)))


def ranked(given: dict[str, Any]) -> packs.Ranked:
    chunks = nodes(given)
    depth = packs.deep_enough((node.get_content() for node in chunks), given["budgets"])
    embedder = HuggingFaceEmbedding(model_name=packs.model())
    retriever = VectorStoreIndex(chunks, embed_model=embedder).as_retriever(similarity_top_k=depth)
    for question in given["questions"]:
        found = retriever.retrieve(question["question"])
        yield question["id"], [packs.Passage(hit.metadata["document"], hit.get_content()) for hit in found]


def persist(given: dict[str, Any]) -> None:
    index = VectorStoreIndex(nodes(given), embed_model=HuggingFaceEmbedding(model_name=packs.model()))
    index.storage_context.persist(given["persist"])


def retrieve(given: dict[str, Any]) -> None:
    storage = StorageContext.from_defaults(persist_dir=given["load"])
    index = load_index_from_storage(storage, embed_model=HuggingFaceEmbedding(model_name=packs.model()))
    for hit in index.as_retriever(similarity_top_k=10).retrieve(given["asked"]):
        print(hit.metadata["document"], hit.get_content()[:80])


if __name__ == "__main__":
    job = packs.job()
    if "persist" in job:
        persist(job)
    elif "load" in job:
        retrieve(job)
    else:
        packs.write(job, ranked(job))
