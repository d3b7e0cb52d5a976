"""The passwords that a person gave for protected files; readers try each one, in nested files too.

They travel in a context variable, not in the call of a reader: an encrypted PDF may lie in a zip that is attached to a
mail, and the readers between have no use for them.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from indexer.errors import PinciteError, ReadError

# What every reader says of a file that none of the passwords opens.
LOCKED = "is protected by a password"
HINT = "Put its password on a line of a file and ingest again with --password-file FILE."
# Each password costs a key derivation for each protected file (up to a second for ODF's Argon2).
MOST = 100
_LARGEST = 64 * 1024

_PASSWORDS: ContextVar[tuple[str, ...]] = ContextVar("passwords", default=())
_LOG = logging.getLogger(__name__)


@contextmanager
def given(passwords: Sequence[str]) -> Iterator[None]:
    """Let readers within try these passwords, in this order, after the empty one."""
    token = _PASSWORDS.set(tuple(passwords))
    try:
        yield
    finally:
        _PASSWORDS.reset(token)


def passwords() -> tuple[str, ...]:
    """The passwords to try, in the order given; the empty one is not among them."""
    return _PASSWORDS.get()


def locked() -> ReadError:
    """What is said of a file that none of the passwords opens."""
    if not passwords():
        return ReadError(LOCKED, HINT)
    tried = "the password given does not open it" if len(passwords()) == 1 else "none of the passwords given opens it"
    return ReadError(f"{LOCKED}, and {tried}", "Add the right one to the password file, on a line of its own.")


def read_password_file(path: Path) -> tuple[str, ...]:
    """The passwords in a file: UTF-8, one a line, spaces kept, empty lines dropped, each password once.

    A file that others may read is accepted with a warning on the log, where ssh refuses a key: these passwords often
    lie where the bits can't be set (Windows shares, mounted secrets), and they open documents, not a machine.

    Raises PinciteError: missing, unreadable, not UTF-8, without a password, or with more than `MOST`.
    """
    try:
        with path.open("rb") as file:
            open_to_others = os.name == "posix" and os.fstat(file.fileno()).st_mode & (stat.S_IRGRP | stat.S_IROTH)
            data = file.read(_LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise PinciteError(
            f"the password file {path} can't be read: {error.strerror or error}.",
            "Name a file of passwords, one a line.",
        ) from error
    except UnicodeDecodeError as error:
        raise PinciteError(f"the password file {path} is not UTF-8 text.", "Save it as UTF-8.") from error
    # Not splitlines(): it would part a password at U+2028 and its like.
    found = tuple(dict.fromkeys(line for line in (line.removesuffix("\r") for line in text.split("\n")) if line))
    if not found:
        raise PinciteError(f"the password file {path} holds no password.", "Write one password on each line.")
    if len(found) > MOST or len(data) > _LARGEST:
        raise PinciteError(f"the password file {path} holds more than {MOST} passwords.", "Each is tried on each file.")
    if open_to_others:
        _LOG.warning("Others may read the password file %s: chmod 600 keeps it to yourself.", path)
    return found
