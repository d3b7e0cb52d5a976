"""Notion's API for the tests, as far as llama-index-readers-notion calls it: real HTTP on loopback, pages by their id."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class NotionServer:
    """`pages` are lists of paragraphs by page id, and may change between calls; `token` is the one that may read them."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.pages: dict[str, list[str]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = self.path.split("/")[-2]
                results = [
                    {"id": str(number), "type": "paragraph", "has_children": False,
                     "paragraph": {"rich_text": [{"text": {"content": text}}]}}
                    for number, text in enumerate(outer.pages.get(page, []))
                ]  # fmt: skip
                self.reply(200 if page in outer.pages else 404, {"results": results, "next_cursor": None})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kind = asked["filter"]["value"]
                self.reply(200, {"results": [{"id": page} for page in outer.pages] if kind == "page" else []})

            def reply(self, status: int, body: Any) -> None:
                if self.headers["Authorization"] != f"Bearer {outer.token}":
                    told = f"API token is invalid: {self.headers['Authorization']}"
                    status, body = 401, {"object": "error", "status": 401, "message": told}
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/{path}"

    def __enter__(self) -> NotionServer:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
