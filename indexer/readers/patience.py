"""More time for what is known to take long: a page read by OCR, where a file's size says nothing of the work in it.

A reader asks before it begins; whoever limits the reader's time grants it, up to a limit of its own. The one who grants
is kept in a context variable, not in the call of a reader: a scan may lie in a zip that is attached to a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_GRANT: ContextVar[Callable[[float], None] | None] = ContextVar("grant", default=None)


@contextmanager
def granted_by(grant: Callable[[float], None]) -> Iterator[None]:
    """Let readers within ask this function for more time, in seconds."""
    token = _GRANT.set(grant)
    try:
        yield
    finally:
        _GRANT.reset(token)


def ask(seconds: float) -> None:
    """Say that what comes next may take so many seconds of processor time. Nothing happens where time is not limited."""
    grant = _GRANT.get()
    if grant is not None:
        grant(seconds)
