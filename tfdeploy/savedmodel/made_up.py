"""A picture for requests that are made up."""

from __future__ import annotations

import struct
import zlib


def png(height: int = 16, width: int = 16) -> bytes:
    """An RGB picture of one colour that every decoder takes.

    Args:
        height: in pixels, at least 1.
        width: in pixels, at least 1.
    """
    rows = (b"\x00" + b"\x40\x80\xc0" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
