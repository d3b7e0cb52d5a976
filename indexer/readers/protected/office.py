"""Office files under a password (MS-OFFCRYPTO): docx, pptx, xlsx and xls become the bytes of the plain file, in memory."""

from __future__ import annotations

import hashlib
import io
from types import SimpleNamespace
from typing import Any

from indexer.errors import ReadError
from indexer.readers.protected.passwords import LOCKED, locked, passwords

# Excel encrypts with this one where only changes are forbidden, and opens such a file without asking (MS-XLS 2.2.10).
_EXCELS_OWN = "VelvetSweatshop"


def office_unlocked(data: bytes) -> bytes:
    """The plain file in a protected one. Raises ReadError when none of the passwords opens it."""
    from msoffcrypto.exceptions import DecryptionError

    failure: Exception | None = None
    wrong = False
    for password in (_EXCELS_OWN, *passwords()):
        try:
            return _decrypted(data, password)
        except DecryptionError:
            wrong = True
            continue
        # It trusts what a file says of itself, and stumbles in every way over what it does not know.
        except Exception as error:
            failure = error
    if failure is not None and not wrong:
        why = type(failure).__name__
        raise ReadError(f"{LOCKED} in a way that is not read ({why})", "Save a copy without it.") from failure
    raise locked()


def _decrypted(data: bytes, password: str) -> bytes:
    """What one password opens. Raises DecryptionError when it doesn't."""
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError
    from msoffcrypto.format import xls97
    from msoffcrypto.method.ecma376_agile import ECMA376Agile

    # It hands a workbook over in a temporary file: in memory nothing plain reaches a disk, and a reader may write nowhere.
    setattr(xls97, "tempfile", SimpleNamespace(TemporaryFile=io.BytesIO))  # noqa: B010
    setattr(ECMA376Agile, "_derive_encryption_key", staticmethod(_derived))  # noqa: B010
    file: Any = msoffcrypto.OfficeFile(io.BytesIO(data))
    # That of a workbook always verifies the password, and takes no word on it; that of an agile encryption compares a short
    # hash with its padding, and never finds it right.
    agile = getattr(file, "type", "") == "agile"
    options = {} if isinstance(file, xls97.Xls97File) else {"verify_password": not agile}
    file.load_key(password=password, **options)
    plain = io.BytesIO()
    file.decrypt(plain)
    if agile and not plain.getvalue().startswith(b"PK"):
        raise DecryptionError("not a package")
    return plain.getvalue()


def _derived(hashed: bytes, block_key: bytes, algorithm: str, bits: int) -> bytes:
    """A key of an agile encryption. Of a hash that is too short for it the rest is 0x36, which the package leaves out.

    [MS-OFFCRYPTO] 2.3.4.11. LibreOffice and POI write SHA-1, 20 bytes, with AES-256.
    """
    digest = hashlib.new(algorithm.replace("-", ""), hashed + block_key).digest()
    return digest[: bits // 8].ljust(bits // 8, b"\x36")
