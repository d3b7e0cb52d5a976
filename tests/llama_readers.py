"""Readers of LlamaIndex for the tests: each obeys its real base class, and gives ids and metadata as a published one does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from llama_index.core.readers.base import BasePydanticReader, BaseReader
from llama_index.core.schema import Document
from pypdf import PdfReader


class PdfPages(BaseReader):
    """A document a page, with its printed label: what PDFReader of llama-index-readers-file gives (it needs pandas)."""

    def load_data(self, file: Path, extra_info: dict[str, Any] | None = None) -> list[Document]:
        pdf = PdfReader(file)
        return [
            Document(text=page.extract_text(), metadata={"page_label": label, **(extra_info or {})})
            for page, label in zip(pdf.pages, pdf.page_labels, strict=True)
        ]


class WebPages(BasePydanticReader):
    """The page at each URL as it is sent, with a random id: what SimpleWebPageReader gives (its package needs browsers)."""

    html_to_text: bool = False

    def load_data(self, urls: list[str], fail_on_error: bool = False) -> list[Document]:
        documents = []
        for url in urls:
            print(f"fetching {url}")
            with urlopen(url) as response:
                documents.append(Document(text=response.read().decode(), id_=str(uuid.uuid4()), metadata={"url": url}))
        return documents


class Given(BaseReader):
    """Whatever documents the test says, as JSON: {"text": …, "metadata": …, "id_": …}. Lazy; keeps what it was called with."""

    calls: list[dict[str, Any]] = []

    def __init__(
        self, base_url: str = "", timeout: float = 60, api_token: str | None = None, client: Any = None
    ) -> None:
        self.calls.append({"base_url": base_url, "timeout": timeout, "api_token": api_token, "client": client})

    def lazy_load_data(
        self, documents: list[dict[str, Any]], space_key: str = "", fail_after: int | None = None
    ) -> Iterator[Document]:
        self.calls[-1] |= {"space_key": space_key, "fail_after": fail_after}
        for number, document in enumerate(documents):
            if number == fail_after:
                raise ConnectionError(f"the line broke, with {self.calls[-1]['api_token']}\nin it")
            yield Document(**document)


class Client:
    """What a reader may want instead of a token."""

    def __init__(self, token: str, retries: int = 1) -> None:
        if not token.startswith("secret-"):
            raise ValueError(f"no token: {token}")
        self.token, self.retries = token, retries


class Loose(BaseReader):
    """Takes any name, as WikipediaReader does; and gives one document, not a list, as HWPReader does."""

    def load_data(self, pages: list[str], **load_kwargs: Any) -> Document:
        return Document(text=f"{pages} {sorted(load_kwargs.items())}", id_="one")


class NoReader:
    """Loads nothing."""
