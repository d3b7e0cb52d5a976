"""Questions in, cited answers out: retrieval, packing, prompts, models.

    query.search(library, "parental leave")
    query.pack(library, "How long is parental leave?", window=4096)
    query.ask(library, "How long is parental leave?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from query.answer import ask, desk
from query.retrieve import search

if TYPE_CHECKING:
    from indexer.library import Library
    from indexer.records import Pack

__all__ = ["ask", "pack", "search"]


def pack(
    library: Library, question: str, *, window: int | None = None, reserve: int | None = None, budget: int | None = None
) -> Pack:  # fmt: skip
    """The prompt that would be sent for a question, and the ledger of its window. Sizes are tokens.

    Raises PinciteError for an empty question, WindowError when the window is too small for it.
    """
    from dataclasses import replace

    opened = desk(library)
    settings = opened.settings
    sized = replace(settings, window=window or settings.window, reserve=settings.reserve if reserve is None else reserve)
    return desk(library, sized).pack(question, budget=budget)
