"""Questions in, cited answers out: retrieval, packing, prompts, models.

query.search(library, "parental leave")
query.pack(library, "How long is parental leave?", window=4096)
query.ask(library, "How long is parental leave?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from query.answer import ask, pack, search

__all__ = ["ask", "pack", "search"]


def __getattr__(name: str) -> Any:
    """The functions, imported when they are first asked for: `pincite --help` needs none of them."""
    if name in __all__:
        from query import answer

        return getattr(answer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
