"""Office files are zip archives that carry the moment they were saved; here they carry a fixed one."""

from __future__ import annotations

import io
import re
import zipfile

_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:\2>)")


def steady(data: bytes, date: str) -> bytes:
    """The same archive with every time in it set to `date` (YYYY-MM-DD), members in order of name."""
    year, month, day = (int(number) for number in date.split("-"))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        # The content types come first: some programs recognise the kind of file by its first member.
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            member = zipfile.ZipInfo(name, (year, month, day, 9, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"\g<1>" + date.encode() + rb"T09:00:00Z\g<3>", content)
            new.writestr(member, content)
    return out.getvalue()
