"""Writes a compound file (MS-CFB), as Outlook keeps a message in one."""

from __future__ import annotations

import struct

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SMALL = 4096  # shorter streams stand in the small sectors of one stream


def compound_file(streams: dict[str, bytes]) -> bytes:
    """The bytes of a file with these streams; their names are paths, whose folders are made."""
    tree: dict[str, dict | bytes] = {}
    for path, content in streams.items():
        *folders, name = path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = content
    entries: list[list] = [["Root Entry", 5, _FREE, _FREE, _END, 0]]  # name, kind, next, child, start, size
    small, small_next, large = b"", [], []

    def add(parent: int, folder: dict) -> None:
        nonlocal small
        before = None
        for name, content in folder.items():
            entries.append([name, 1 if isinstance(content, dict) else 2, _FREE, _FREE, _END, 0])
            own = len(entries) - 1
            entries[parent if before is None else before][3 if before is None else 2] = own
            before = own
            if isinstance(content, dict):
                add(own, content)
            elif len(content) >= _SMALL:
                large.append((own, content))
            elif content:
                first, count = len(small_next), -(-len(content) // 64)
                small_next.extend([*range(first + 1, first + count), _END])
                small += content.ljust(count * 64, b"\0")
                entries[own][4:] = [first, len(content)]

    add(0, tree)
    sectors: list[bytes] = []
    chain: list[int] = []

    def place_in_sectors(content: bytes) -> int:
        first, count = len(sectors), -(-len(content) // 512)
        sectors.extend(content[at : at + 512].ljust(512, b"\0") for at in range(0, len(content), 512))
        chain.extend([*range(first + 1, first + count), _END] if count else [])
        return first if count else _END

    entries[0][4:] = [place_in_sectors(small), len(small)]
    for own, content in large:
        entries[own][4:] = [place_in_sectors(content), len(content)]
    small_fat = place_in_sectors(
        b"".join(struct.pack("<I", after) for after in small_next).ljust(-(-len(small_next) // 128) * 512, b"\xff")
    )
    listed = b""
    for name, kind, after, child, start, size in entries:
        label = name.encode("utf-16-le") + b"\0\0"
        listed += label.ljust(64, b"\0") + struct.pack(
            "<HBBIII16sIQQIQ", len(label), kind, 1, _FREE, after, child, b"", 0, 0, 0, start, size
        )
    directory = place_in_sectors(listed.ljust(-(-len(listed) // 512) * 512, b"\0"))
    fats = 1
    while (len(sectors) + fats) > fats * 128:
        fats += 1
    fat = len(sectors)
    chain += [_FAT] * fats
    table = b"".join(struct.pack("<I", after) for after in chain).ljust(fats * 512, b"\xff")
    sectors += [table[at : at + 512] for at in range(0, len(table), 512)]
    head = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack(
            "<HHHHH6xIIIIIIIIII",
            0x3E,
            3,
            0xFFFE,
            9,
            6,
            0,
            fats,
            directory,
            0,
            _SMALL,
            small_fat,
            -(-len(small_next) // 128),
            _END,
            0,
            fat,
        )
    )
    return (head + b"".join(struct.pack("<I", fat + at) for at in range(1, fats))).ljust(512, b"\xff") + b"".join(
        sectors
    )
