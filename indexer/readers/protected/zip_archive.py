"""Members of archives under a password: ZipCrypto through zipfile, AES (WinZip's AE-1 and AE-2) here.

zipfile knows no AES, and the package that does brings a second library of ciphers; the one that reads PDFs has all it takes.
The format: https://www.winzip.com/en/support/aes-encryption/.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zipfile
import zlib

from indexer.readers.protected.passwords import locked, passwords

_AES = 99
_EXTRA = 0x9901
# Strength → bytes of the key; the salt has half of them.
_KEYS = {1: 16, 2: 24, 3: 32}
_ROUNDS = 1000
_CHECK, _CODE = 2, 10
_HEADER = 30
_BLOCK = 16


def is_protected(member: zipfile.ZipInfo) -> bool:
    """Whether a member needs a password."""
    return bool(member.flag_bits & 1)


def member_unlocked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a protected member. Raises ReadError when none of the passwords opens it, zipfile's errors for damage."""
    aes = member.compress_type == _AES
    for password in passwords():
        # Which encoding a program wrote the password in is nowhere said.
        for encoded in dict.fromkeys((password.encode("utf-8"), password.encode("cp437", "replace"))):
            content = _aes(archive, member, encoded) if aes else _zipcrypto(archive, member, encoded)
            if content is not None:
                return content
    raise locked()


def _zipcrypto(archive: zipfile.ZipFile, member: zipfile.ZipInfo, password: bytes) -> bytes | None:
    try:
        return archive.read(member, password)
    except RuntimeError:  # "Bad password": one byte of the header tells
        return None
    except (zipfile.BadZipFile, zlib.error, EOFError):
        # One wrong password of 256 passes the byte, and then the text makes no sense.
        return None


def _aes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, password: bytes) -> bytes | None:
    """The bytes of a member, or None when the password is wrong."""
    strength, method = _strength(member)
    size = _KEYS[strength]
    sealed = _sealed(archive, member)
    salt, check = sealed[: size // 2], sealed[size // 2 : size // 2 + _CHECK]
    encrypted, code = sealed[size // 2 + _CHECK : -_CODE], sealed[-_CODE:]
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, _ROUNDS, 2 * size + _CHECK)
    if not hmac.compare_digest(keys[2 * size :], check):
        return None
    if not hmac.compare_digest(hmac.digest(keys[size : 2 * size], encrypted, "sha1")[:_CODE], code):
        return None
    return _unpacked(_counted(keys[:size], encrypted), method, member.file_size)


def _strength(member: zipfile.ZipInfo) -> tuple[int, int]:
    """The strength of the key and the real method of compression, which stand in a field of their own."""
    extra = member.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == _EXTRA and length >= 7 and len(extra) >= 11:
            strength, method = struct.unpack_from("<BH", extra, 8)
            if strength in _KEYS:
                return strength, method
        extra = extra[4 + length :]
    raise zipfile.BadZipFile("no word on how it is encrypted")


def _sealed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member as they are stored: salt, check, encrypted text, code."""
    stream = archive.fp
    assert stream is not None
    stream.seek(member.header_offset)
    header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("a member without its header")
    name, extra = struct.unpack_from("<HH", header, 26)
    stream.seek(member.header_offset + _HEADER + name + extra)
    return stream.read(member.compress_size)


def _counted(key: bytes, encrypted: bytes) -> bytes:
    """AES in counter mode with a little-endian counter from 1, which libraries of ciphers count the other way round."""
    import numpy as np
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    blocks = -(-len(encrypted) // _BLOCK)
    counters = np.zeros((blocks, 2), "<u8")
    counters[:, 0] = np.arange(1, blocks + 1)
    stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters.tobytes())  # noqa: S305
    text = np.frombuffer(encrypted, np.uint8) ^ np.frombuffer(stream, np.uint8)[: len(encrypted)]
    return text.tobytes()


def _unpacked(packed: bytes, method: int, size: int) -> bytes:
    """The content that was compressed by `method`; no more than the `size` it was said to have."""
    if method == zipfile.ZIP_STORED:
        return packed[:size]
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size) if size else b""
    raise NotImplementedError(f"compression method {method}")
