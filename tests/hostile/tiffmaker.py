"""Small TIFF files by hand, so that any field can be wrong."""

import struct
from collections.abc import Sequence

SIZES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 11: "f", 12: "d"}
Tag = tuple[int, Sequence[object] | bytes]
Tags = dict[int, Tag]


def pack(order: str, kind: int, values: Sequence[object] | bytes) -> tuple[int, bytes]:
    """(number of values, bytes) of one tag's values."""
    if isinstance(values, bytes):
        return len(values), values
    flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    return len(values), struct.pack(f"{order}{len(flat)}{SIZES[kind][0]}", *flat)


def plain(height: int, width: int, bits: int = 8, **more: Tag) -> Tags:
    """The tags of a grey page in one strip; ``more`` as t282=(5, [(1, 1)])."""
    tags: Tags = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1]),
        278: (4, [height]),
    }  # fmt: skip
    tags.update({int(key[1:]): value for key, value in more.items()})
    return tags


def build(pages: Sequence[tuple[Tags, bytes]], order: str = "<") -> bytes:
    """A classic TIFF of pages, each with tags and the bytes of its single strip (273 and 279 are filled in)."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8))
    for number, (given, data) in enumerate(pages):
        tags = {273: (4, [0]), 279: (4, [len(data)]), **given}
        start = len(out)
        tail = start + 2 + 12 * len(tags) + 4
        entries, extra = b"", b""
        if 273 not in given:
            tags[273] = (4, [tail])
            extra += data + b"\0" * (len(data) % 2)
        for code in sorted(tags):
            kind, values = tags[code]
            count, raw = pack(order, kind, values)
            if len(raw) > 4:
                entries += struct.pack(f"{order}HHII", code, kind, count, tail + len(extra))
                extra += raw + b"\0" * (len(raw) % 2)
            else:
                entries += struct.pack(f"{order}HHI", code, kind, count) + raw.ljust(4, b"\0")
        last = number == len(pages) - 1
        following = 0 if last else tail + len(extra)
        out += struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following) + extra
    return bytes(out)
