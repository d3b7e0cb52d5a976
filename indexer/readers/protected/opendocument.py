"""OpenDocument under a password: each part encrypted (ODF 1.2, part 3, 3.4), or the whole package (LibreOffice 24.8 on)."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from indexer.errors import ReadError
from indexer.readers.nesting import MOST_UNPACKED
from indexer.readers.package import Package, attribute, child, local
from indexer.readers.protected.passwords import LOCKED, locked, passwords

MANIFEST = "META-INF/manifest.xml"
WHOLE = "encrypted-package"
# LibreOffice asks for 100,000 rounds of PBKDF2, and for 3 of Argon2id over 64 MiB in 4 lanes. More than this is a trap.
_MOST_ROUNDS = 5_000_000
_MOST_ARGON_ROUNDS = 20
_MOST_ARGON_KIBIBYTES = 256 * 1024
_MOST_LANES = 64
_CHECKED = 1024


@dataclass(frozen=True, slots=True)
class _Lock:
    """How one entry is encrypted, in the words of the manifest; `size` is that of the plain part, in bytes."""

    part: str
    size: int
    cipher: str
    vector: bytes
    start_hash: str
    derivation: Any
    check: str
    checksum: bytes


def is_locked(package: Package) -> bool:
    """Whether the manifest says that a password is needed."""
    manifest = package.content(MANIFEST)
    return WHOLE in package or (b"encryption-data" in manifest and b"content.xml" in manifest)


def opendocument_unlocked(package: Package) -> bytes:
    """The plain package in a protected one. Raises ReadError when none of the passwords opens it."""
    locks = _locks(package)
    for password in passwords() if locks else ():
        # One lock tells whether the password is right; the others cost as much again.
        first = _opened(package, locks[0], password)
        if first is None:
            continue
        if locks[0].part == WHOLE:
            return first
        parts = {locks[0].part: first}
        for lock in locks[1:]:
            part = _opened(package, lock, password)
            if part is not None:
                parts[lock.part] = part
        return _packed(parts)
    raise locked()


def _locks(package: Package) -> list[_Lock]:
    """How the parts that are read are encrypted, the one with the text first."""
    wanted = (WHOLE, "content.xml", "styles.xml", "meta.xml")
    found = {}
    root = package.xml(MANIFEST)
    for entry in root if root is not None else ():
        data = child(entry, "encryption-data")
        part = attribute(entry, "full-path") if local(entry) == "file-entry" else ""
        if data is None or part not in wanted or part not in package:
            continue
        algorithm, derivation = child(data, "algorithm"), child(data, "key-derivation")
        start = child(data, "start-key-generation")
        if algorithm is None or derivation is None:
            continue
        found[part] = _Lock(
            part,
            int(attribute(entry, "size", "0")),
            attribute(algorithm, "algorithm-name").lower(),
            _decoded(attribute(algorithm, "initialisation-vector")),
            attribute(start, "start-key-generation-name").lower() if start is not None else "sha1",
            derivation,
            attribute(data, "checksum-type").lower(),
            _decoded(attribute(data, "checksum")),
        )
    return [found[part] for part in wanted if part in found]


def _opened(package: Package, lock: _Lock, password: str) -> bytes | None:
    """The plain part; None when the password is wrong. Raises ReadError for a method that is not known."""
    key = _key(lock, password)
    encrypted = package.content(lock.part)
    if lock.cipher.endswith("#aes256-gcm"):
        packed = _gcm(key, lock.vector, encrypted)
    elif lock.cipher.endswith("#aes256-cbc"):
        packed = _cbc(key, lock, encrypted)
    else:
        raise ReadError(
            f"{LOCKED} in a way that is not read ({lock.cipher[-40:] or 'unnamed'})",
            "Open it in LibreOffice and save it again, or save a copy without it.",
        )
    return None if packed is None else _inflated(packed, lock.size)


def _key(lock: _Lock, password: str) -> bytes:
    """The key of a part: the password hashed, then made dear to guess."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    hashed = hashlib.sha256 if "sha256" in lock.start_hash else hashlib.sha1
    start = hashed(password.encode("utf-8")).digest()
    how = lock.derivation
    salt, size = (
        _decoded(attribute(how, "salt")),
        int(attribute(how, "key-size", "32" if "gcm" in lock.cipher else "16")),
    )
    if attribute(how, "key-derivation-name").lower().endswith("argon2id"):
        rounds, memory, lanes = (
            int(attribute(how, f"argon2-{name}", "0")) for name in ("iterations", "memory", "lanes")
        )
        if rounds > _MOST_ARGON_ROUNDS or memory > _MOST_ARGON_KIBIBYTES or lanes > _MOST_LANES:
            raise _trap()
        return Argon2id(salt=salt, length=size, iterations=rounds, lanes=lanes, memory_cost=memory).derive(start)
    rounds = int(attribute(how, "iteration-count", "1024"))
    if rounds > _MOST_ROUNDS:
        raise _trap()
    return hashlib.pbkdf2_hmac("sha1", start, salt, rounds, size)


def _trap() -> ReadError:
    return ReadError("asks for more work to try a password than any office program does", "Don't trust the file.")


def _gcm(key: bytes, vector: bytes, encrypted: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # XML Encryption 1.1 (5.2.4) puts the vector before the text.
    try:
        return AESGCM(key).decrypt(vector, encrypted.removeprefix(vector), None)
    except InvalidTag:
        return None


def _cbc(key: bytes, lock: _Lock, encrypted: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CBC(lock.vector)).decryptor()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    # XML Encryption (5.2): the last byte counts those that fill the last block.
    plain = padded[: -padded[-1]] if padded and 0 < padded[-1] <= 16 else b""
    hashed = hashlib.sha256 if "sha256" in lock.check else hashlib.sha1
    checked = plain[:_CHECKED] if lock.check.endswith("1k") else plain
    return plain if hashed(checked).digest() == lock.checksum else None


def _inflated(packed: bytes, size: int) -> bytes:
    """A part is deflated before it is encrypted."""
    if not 0 <= size <= MOST_UNPACKED:
        raise ReadError("unpacks to far more than a document holds", "It looks like a zip bomb: don't trust it.")
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size or MOST_UNPACKED)


def _packed(parts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return packed.getvalue()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)
