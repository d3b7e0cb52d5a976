"""txtai: an index of paragraphs (what blank lines part) that fuses BM25 and vectors, `hybrid=True`."""

from __future__ import annotations

from typing import Any

from txtai import Embeddings

from tests.benchmarks.peers import packs


def paragraphs(given: dict[str, Any]) -> list[packs.Passage]:
    return [
        packs.Passage(document, paragraph.strip())
        for document, text in packs.texts(given)
        for paragraph in text.split("\n\n")
        if paragraph.strip()
    ]


def ranked(given: dict[str, Any]) -> packs.Ranked:
    found = paragraphs(given)
    depth = packs.deep_enough((passage.text for passage in found), given["budgets"])
    index = Embeddings(path=packs.model(), hybrid=True)
    index.index((number, passage.text, None) for number, passage in enumerate(found))
    for question in given["questions"]:
        hits = index.search(question["question"], depth)
        yield question["id"], [found[int(number)] for number, _ in hits]


if __name__ == "__main__":
    job = packs.job()
    packs.write(job, ranked(job))
