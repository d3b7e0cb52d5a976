"""Files under a password: each way of protecting one, with the right password, the wrong one and none."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import struct
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path

import docx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msoffcrypto.format.ooxml import OOXMLFile
from msoffcrypto.method.rc4 import DocumentRC4
from pypdf import PdfWriter
from reportlab.pdfgen import canvas

from indexer.errors import PinciteError, ReadError
from indexer.readers import read
from indexer.readers.protected.passwords import HINT, LOCKED, MOST, given, passwords, read_password_file
from tests.readers.compound_file import compound_file

FILES = Path(__file__).resolve().parents[3] / "shared" / "eval" / "files"
SECRET = "The spare key lies under the third flower pot."
PASSWORD = "pässword 1"
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" '
    'xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0" manifest:version="1.3">{}'
    "</manifest:manifest>"
)
CONTENT = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>'
    f"<text:p>{SECRET}</text:p></office:text></office:body></office:document-content>"
)


def zipped(parts):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return packed.getvalue()


# Files, each protected in one way --------------------------------------------------------------------------------------


def a_pdf(algorithm, user=PASSWORD):
    page = io.BytesIO()
    drawn = canvas.Canvas(page)
    drawn.drawString(72, 720, SECRET)
    drawn.save()
    writer, target = PdfWriter(clone_from=io.BytesIO(page.getvalue())), io.BytesIO()
    writer.encrypt(user, "the owner's", algorithm=algorithm)
    writer.write(target)
    return target.getvalue()


def a_docx():
    plain, target = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_paragraph(SECRET)
    document.save(plain)
    OOXMLFile(plain).encrypt(PASSWORD, target)
    return target.getvalue()


def an_xls():
    """A workbook whose records are encrypted by RC4 (MS-XLS 2.2.10); the header of each record stays plain."""

    def record(kind, data=b""):
        return struct.pack("<HH", kind, len(data)) + data

    salt, verifier = bytes(range(16)), bytes(range(16, 32))
    sealed = DocumentRC4.decrypt(PASSWORD, salt, io.BytesIO(verifier + hashlib.md5(verifier).digest()), 1024).read()
    begin = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    lock = record(0x2F, struct.pack("<HHH", 1, 1, 1) + salt + sealed)
    name, text = "Keys", SECRET
    font = struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + struct.pack("<BB", 5, 0) + b"Arial"
    look = struct.pack("<HHHBBBBIIH", 0, 0, 0xFFF5, 0, 0, 0, 0, 0, 0, 0)
    strings = struct.pack("<IIHB", 1, 1, len(text), 0) + text.encode("latin-1")
    front = [(0x42, struct.pack("<H", 1200)), (0x31, font), (0xE0, look), (0xFC, strings), (0x0A, b"")]
    bound = 8 + len(name)
    offset = len(begin) + len(lock) + sum(4 + len(data) for _, data in front) + 4 + bound
    front.insert(3, (0x85, struct.pack("<IBBBB", offset, 0, 0, len(name), 0) + name.encode("latin-1")))
    sheet = [(0x200, struct.pack("<IIHHH", 0, 1, 0, 1, 0)), (0xFD, struct.pack("<HHHI", 0, 0, 0, 0)), (0x0A, b"")]
    substream = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    plain = begin + lock + b"".join(record(*each) for each in front) + substream
    plain += b"".join(record(*each) for each in sheet)
    plain += record(0x5C, b" " * 4200)  # streams of less than 4,096 bytes are kept in another way
    stream = DocumentRC4.decrypt(PASSWORD, salt, io.BytesIO(plain), 1024).read()
    made, at = b"", 0
    while at < len(plain):
        kind, size = struct.unpack_from("<HH", plain, at)
        open_bytes = {0x809: size, 0x2F: size, 0x85: 4}.get(kind, 0)
        made += plain[at : at + 4 + open_bytes] + stream[at + 4 + open_bytes : at + 4 + size]
        at += 4 + size
    return compound_file({"Workbook": made})


def deflated(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def an_odt_in_parts():
    """ODF 1.2: each part encrypted by AES-256 in CBC, the key made by PBKDF2."""
    salt, vector, packed = b"s" * 16, b"v" * 16, deflated(CONTENT.encode())
    key = hashlib.pbkdf2_hmac("sha1", hashlib.sha256(PASSWORD.encode()).digest(), salt, 2000, 32)
    count = 16 - len(packed) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(packed + b"\7" * (count - 1) + bytes([count])) + encryptor.finalize()
    check = base64.b64encode(hashlib.sha256(packed[:1024]).digest()).decode()
    entry = (
        f'<manifest:file-entry manifest:full-path="content.xml" manifest:size="{len(CONTENT)}"><manifest:encryption-data '
        'manifest:checksum-type="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0#sha256-1k" '
        f'manifest:checksum="{check}"><manifest:algorithm '
        'manifest:algorithm-name="http://www.w3.org/2001/04/xmlenc#aes256-cbc" '
        f'manifest:initialisation-vector="{base64.b64encode(vector).decode()}"/><manifest:start-key-generation '
        'manifest:start-key-generation-name="http://www.w3.org/2000/09/xmldsig#sha256" manifest:key-size="32"/>'
        '<manifest:key-derivation manifest:key-derivation-name="PBKDF2" manifest:key-size="32" '
        f'manifest:iteration-count="2000" manifest:salt="{base64.b64encode(salt).decode()}"/>'
        "</manifest:encryption-data></manifest:file-entry>"
    )
    return zipped({"content.xml": encrypted, "META-INF/manifest.xml": MANIFEST.format(entry)})


def an_odt_as_a_whole(memory=1024):
    """LibreOffice from 24.8 on: the package in one piece, AES-256 in GCM, the key made by Argon2id."""
    salt, vector = b"s" * 16, b"v" * 12
    start = hashlib.sha256(PASSWORD.encode()).digest()
    key = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=1024).derive(start)
    inner = zipped({"content.xml": CONTENT, "META-INF/manifest.xml": MANIFEST.format("")})
    encrypted = vector + AESGCM(key).encrypt(vector, deflated(inner), None)
    entry = (
        f'<manifest:file-entry manifest:full-path="encrypted-package" manifest:size="{len(inner)}">'
        "<manifest:encryption-data><manifest:algorithm "
        'manifest:algorithm-name="http://www.w3.org/2009/xmlenc11#aes256-gcm" '
        f'manifest:initialisation-vector="{base64.b64encode(vector).decode()}"/><manifest:start-key-generation '
        'manifest:start-key-generation-name="http://www.w3.org/2001/04/xmlenc#sha256" manifest:key-size="32"/>'
        "<manifest:key-derivation manifest:key-derivation-name="
        '"urn:org:documentfoundation:names:experimental:office:manifest:argon2id" manifest:key-size="32" '
        f'loext:argon2-iterations="3" loext:argon2-memory="{memory}" loext:argon2-lanes="4" '
        f'manifest:salt="{base64.b64encode(salt).decode()}"/></manifest:encryption-data></manifest:file-entry>'
    )
    return zipped({"encrypted-package": encrypted, "META-INF/manifest.xml": MANIFEST.format(entry)})


def a_zip_by_zipcrypto():
    """The stream cipher of the first zip programs (APPNOTE 6.1), one member, stored."""
    content, keys = SECRET.encode(), [0x12345678, 0x23456789, 0x34567890]

    def crc(value, byte):
        return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def turn(byte):
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    def seal(byte):
        mask = (keys[2] | 2) & 0xFFFF
        turn(byte)
        return byte ^ ((mask * (mask ^ 1)) >> 8) & 0xFF

    for byte in PASSWORD.encode("utf-8"):
        turn(byte)
    check = zlib.crc32(content)
    sealed = bytes(seal(byte) for byte in bytes(11) + bytes([check >> 24]) + content)
    fields = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, check, len(sealed), len(content), 5, 0)
    local = b"PK\3\4" + fields + b"a.txt" + sealed
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a.txt"
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


# Made by pyzipper 0.4.0: one member lamp.txt, AES-256, deflated.
BY_PYZIPPER = (
    "UEsDBBQAAQBjAHAAd10AAAAAQQAAAEQCAAAIAAsAbGFtcC50eHQBmQcAAgBBRQMIAIiqZC3RmLQBfLNWncdC/kKbCFi4ZbXgcWkOj7RwTsatIiWUkH"
    "SIABxEz3TYpDW6K1KutYJw0CyVSaD4YDP+0flLUEsBAhQDFAABAGMAcAB3XQAAAABBAAAARAIAAAgACwAAAAAAAAAAAIABAAAAAGxhbXAudHh0AZkH"
    "AAIAQUUDCABQSwUGAAAAAAEAAQBBAAAAcgAAAAAA"
)
PROTECTED = {
    "rc4.pdf": lambda: a_pdf("RC4-128"),
    "aes-128.pdf": lambda: a_pdf("AES-128"),
    "aes-256.pdf": lambda: a_pdf("AES-256"),
    "agile.docx": a_docx,
    "rc4.xls": an_xls,
    "parts.odt": an_odt_in_parts,
    "whole.odt": an_odt_as_a_whole,
    "zipcrypto.zip": a_zip_by_zipcrypto,
}


@pytest.mark.parametrize("name", PROTECTED)
def test_a_protected_file_is_read_with_its_password_and_told_of_without(name):
    data = PROTECTED[name]()
    right = "Add the right one to the password file, on a line of its own."
    for tried, told in {
        (): (LOCKED, HINT),
        ("wrong",): (f"{LOCKED}, and the password given does not open it", right),
        ("wrong", "password 1"): (f"{LOCKED}, and none of the passwords given opens it", right),
    }.items():
        with given(tried), pytest.raises(ReadError) as caught:
            read(data, name)
        assert (caught.value.message, caught.value.hint) == told
    with given(("wrong", PASSWORD, "another")):
        assert SECRET in read(data, name).text


def test_aes_in_a_zip_is_read_as_others_write_it():
    data = base64.b64decode(BY_PYZIPPER)
    with given([PASSWORD]):
        assert read(data, "x.zip").text == "lamp.txt\n\n" + " ".join(["The lamp stands in the hall."] * 20)
    # One bit of the encrypted text: the code at its end tells.
    at = data.index(b"\x78\xb8", 40) if b"\x78\xb8" in data else 80
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    with given([PASSWORD]), pytest.raises(ReadError, match="is protected by a password"):
        read(damaged, "x.zip")


def test_a_password_reaches_the_files_within():
    mail = EmailMessage()
    mail["Subject"] = "Keys"
    mail.set_content("See the attachment.")
    archive = zipped({"docs/keys.pdf": a_pdf("AES-256"), "docs/keys.odt": an_odt_in_parts()})
    mail.add_attachment(archive, maintype="application", subtype="zip", filename="keys.zip")
    assert SECRET not in read(bytes(mail), "x.eml").text
    with given([PASSWORD]):
        assert read(bytes(mail), "x.eml").text.count(SECRET) == 2


def test_a_pdf_that_only_forbids_changes_needs_no_password():
    assert read(a_pdf("AES-256", user=""), "x.pdf").text == SECRET


def test_a_protected_member_beside_a_plain_one_is_read_with_its_password():
    plain, packed = "Words.", io.BytesIO(a_zip_by_zipcrypto())
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("plain.txt", plain)
    document = read(packed.getvalue(), "x.zip")
    assert (document.text, document.notes) == ("plain.txt\n\nWords.", ("a.txt: not read, is protected by a password",))
    with given([PASSWORD]):
        document = read(packed.getvalue(), "x.zip")
    assert (document.text, document.notes) == (f"a.txt\n\n{SECRET}\n\nplain.txt\n\nWords.", ())


def test_a_file_that_asks_for_endless_work_is_refused():
    with given([PASSWORD]), pytest.raises(ReadError, match="more work to try a password than any office program"):
        read(an_odt_as_a_whole(memory=4_000_000), "x.odt")


def test_nothing_plain_is_written_to_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with given([PASSWORD]):
        assert SECRET in read(an_xls(), "x.xls").text


# The passwords themselves ----------------------------------------------------------------------------------------------


def test_passwords_hold_within_the_block_and_nowhere_else():
    with given(["a", "b"]):
        assert passwords() == ("a", "b")
        with given([]):
            assert passwords() == ()
        assert passwords() == ("a", "b")
    assert passwords() == ()


def kept(folder, content, mode=0o600):
    path = folder / "passwords.txt"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_password_file_holds_one_a_line(tmp_path, caplog):
    path = kept(tmp_path, "\ufeffone\r\n\n with spaces \nsep\u2028arate\none\nlast".encode())
    assert read_password_file(path) == ("one", " with spaces ", "sep\u2028arate", "last")
    assert caplog.text == ""


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these permissions")
def test_a_password_file_that_others_may_read_is_warned_of(tmp_path, caplog):
    path = kept(tmp_path, b"one\n", 0o644)
    assert read_password_file(path) == ("one",)
    assert caplog.messages == [f"Others may read the password file {path}: chmod 600 keeps it to yourself."]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file or directory."),
        (b"caf\xe9\n", "is not UTF-8 text."),
        (b"\n\r\n", "holds no password."),
        (b"".join(b"%d\n" % number for number in range(MOST + 1)), f"holds more than {MOST} passwords."),
        (b"x" * 100_000, f"holds more than {MOST} passwords."),
    ],
)
def test_a_password_file_that_is_of_no_use_is_told_of_in_one_line(tmp_path, content, said):
    path = tmp_path / "passwords.txt"
    if content is not None:
        kept(tmp_path, content)
    with pytest.raises(PinciteError) as caught:
        read_password_file(path)
    assert caught.value.message == f"the password file {path} {said}"


# Files that others made ------------------------------------------------------------------------------------------------

# The file, its password, and words that are in it. Two more can't be read: poi__bug53475-password-is-pass.docx (AES-256
# under SHA-1, which the library does not stretch) and unstructured__password_protected.xlsx (its password is not known).
WILD = [
    ("encrypted/poi__bug53475-password-is-solrcell.docx", "solrcell", "This is password protected Word"),
    ("encrypted/pypdf__r4-aes-user-password.pdf", "asdfzxcv", "pdf encryption test"),
    ("encrypted/pypdf__r5-user-password.pdf", "asdfzxcv", "pdf encryption test"),
    ("encrypted/pypdf__r6-both-passwords.pdf", "foo", "pdf encryption test"),
    ("encrypted/pypdf__r6-user-password.pdf", "asdfzxcv", "pdf encryption test"),
    ("encrypted/tika__testEXCEL_protected_passtika.xlsx", "tika", "This is an Encrypted Excel"),
    ("encrypted/tika__testEXCEL_protected_passtika_2.xlsx", "tika", "This is an Encrypted Excel"),
    ("encrypted/tika__testPDF_no_extract_no_accessibility_owner_user.pdf", "user", "Hello World"),
    ("encrypted/tika__testPPT_protected_passtika.pptx", "tika", "This is an encrypted"),
    ("encrypted/tika__testWORD_protected_passtika.docx", "tika", "This is an encrypted Word 2007"),
    ("docx/tika__protected_normal_case.docx", "password", "This is a sample Word document"),
    ("mixed/format-corpus__simple-open-password.pdf", "password", "This is simple document"),
    ("pdf/pdfminer.six__aes-128-m.pdf", "foo", "Secret!"),
    ("pdf/pdfminer.six__aes-256-r6.pdf", "usersecret", "Hello World"),
    ("pdf/pdfminer.six__rc4-128.pdf", "foo", "Secret!"),
    ("pdf/pypdf__encrypted-file.pdf", "test", "Example"),
    ("pdf/unstructured__password.pdf", "password", "File with password"),
]


@pytest.mark.skipif(not FILES.is_dir(), reason="the measuring data (shared/eval/files) is not here")
@pytest.mark.parametrize(("name", "password", "words"), WILD, ids=[name.partition("/")[2] for name, _, _ in WILD])
def test_protected_files_of_others_are_read_with_their_password(name, password, words):
    data = (FILES / name).read_bytes()
    with pytest.raises(ReadError) as caught:
        read(data, name)
    assert (caught.value.message, caught.value.hint) == (LOCKED, HINT)
    with given(["wrong", password]):
        assert words in read(data, name).text


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA512"])
def test_a_key_longer_than_its_hash_is_filled_up_as_the_specification_says(algorithm):
    from indexer.readers.protected.office import _derived

    whole = hashlib.new(algorithm.lower(), b"hashedblock").digest()
    key = _derived(b"hashed", b"block", algorithm, 256)
    assert key == (whole[:32] if len(whole) >= 32 else whole + b"6" * (32 - len(whole)))


@pytest.mark.parametrize(("password", "said"), [("pass", "password protected"), ("solrcell", "password protected")])
def test_a_document_of_another_program_with_a_short_hash_is_read(password, said):
    path = FILES / "encrypted" / f"poi__bug53475-password-is-{password}.docx"
    if not path.exists():
        pytest.skip(f"{path} is not there: real files are no part of the project")
    with given(("wrong", password)):
        assert said in read(path.read_bytes(), path.name).text
