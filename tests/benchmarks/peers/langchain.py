"""LangChain: RecursiveCharacterTextSplitter at the 1,000 characters with 200 in common of its guides, FAISS, its retriever."""

from __future__ import annotations

from typing import Any

from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

from tests.benchmarks.peers import packs


def ranked(given: dict[str, Any]) -> packs.Ranked:
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    documents = [Document(text, metadata={"document": name}) for name, text in packs.texts(given)]
    chunks = splitter.split_documents(documents)
    depth = packs.deep_enough((chunk.page_content for chunk in chunks), given["budgets"])
    store = FAISS.from_documents(chunks, HuggingFaceEmbeddings(model_name=packs.model()))
    retriever = store.as_retriever(search_kwargs={"k": depth})
    for question in given["questions"]:
        found = retriever.invoke(question["question"])
        yield question["id"], [packs.Passage(hit.metadata["document"], hit.page_content) for hit in found]


if __name__ == "__main__":
    job = packs.job()
    packs.write(job, ranked(job))
