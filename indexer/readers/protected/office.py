"""Office files under a password (MS-OFFCRYPTO): docx, pptx, xlsx and xls become the bytes of the plain file, in memory."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from indexer.errors import ReadError
from indexer.readers.protected.passwords import HINT, LOCKED, passwords

# Excel encrypts with this one where only changes are forbidden, and opens such a file without asking (MS-XLS 2.2.10).
_EXCELS_OWN = "VelvetSweatshop"


def office_unlocked(data: bytes) -> bytes:
    """The plain file in a protected one. Raises ReadError when none of the passwords opens it."""
    from msoffcrypto.exceptions import DecryptionError

    failure: Exception | None = None
    for password in (_EXCELS_OWN, *passwords()):
        try:
            return _decrypted(data, password)
        except DecryptionError:
            continue
        # It trusts what a file says of itself, and stumbles in every way over what it does not know.
        except Exception as error:
            failure = error
    if failure is not None and passwords():
        why = type(failure).__name__
        raise ReadError(f"{LOCKED} in a way that is not read ({why})", "Save a copy without it.") from failure
    raise ReadError(LOCKED, HINT)


def _decrypted(data: bytes, password: str) -> bytes:
    """What one password opens. Raises DecryptionError when it doesn't."""
    import msoffcrypto
    from msoffcrypto.format import xls97

    # It hands a workbook over in a temporary file: in memory nothing plain reaches a disk, and a reader may write nowhere.
    setattr(xls97, "tempfile", SimpleNamespace(TemporaryFile=io.BytesIO))  # noqa: B010
    file: Any = msoffcrypto.OfficeFile(io.BytesIO(data))
    # That of a workbook always verifies the password, and takes no word on it.
    options = {} if isinstance(file, xls97.Xls97File) else {"verify_password": True}
    file.load_key(password=password, **options)
    plain = io.BytesIO()
    file.decrypt(plain)
    return plain.getvalue()
