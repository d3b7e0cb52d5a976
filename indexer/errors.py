"""Errors that are for a person: what happened, to which file, what to do next."""

from __future__ import annotations


class PinciteError(Exception):
    """Something a person can mend. Printed in one place, as one line, without a traceback.

    `message` says what happened and to what; `hint` says what to do next.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(PinciteError):
    """What was asked for can't be meant: an argument that is not of its form, or that nothing takes."""


class ReadError(PinciteError):
    """A document that gives no text: the reason why, and what would help."""


class UnreadError(ReadError):
    """A file whose bytes could not be had, or changed meanwhile: what it says is not known."""


class LibraryError(PinciteError):
    """A library that can't be opened, written or trusted."""


class EmbedderError(PinciteError):
    """An embedding model that is missing, or not the one that a library was made with."""


class WindowError(PinciteError):
    """A window too small for the question and the instructions alone."""


class ModelError(PinciteError):
    """A language model that could not be reached or did not answer.

    `overflow` is true when the server refused the prompt because it was too long for it: `window` is then the most that
    it takes, and `prompt` what it counted, in tokens, where it told. `retryable` is true when the same call may succeed
    later.
    """

    def __init__(
        self, message: str, hint: str = "", *, overflow: bool = False, retryable: bool = False,
        window: int | None = None, prompt: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, hint)
        self.overflow, self.retryable = overflow, retryable
        self.window, self.prompt = window, prompt
