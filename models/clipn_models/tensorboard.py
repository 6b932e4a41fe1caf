"""Scalars for TensorBoard without its package: an event file is a list of small protobuf messages, each between two checksums.

Sources: tensorflow's record_writer.cc (framing, masked CRC-32C) and event.proto, summary.proto (field numbers).
"""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, reversed."""


def _table() -> list[int]:
    out = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (_POLYNOMIAL if n & 1 else 0)
        out.append(n)
    return out


_CRC = _table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


class Board:
    """Appends to an event file of its own in ``folder``, which is made with the first scalar."""

    def __init__(self, folder: Path):
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{os.getpid()}"

    def add(self, step: int, scalars: dict[str, float]) -> None:
        head = b"\x09" + struct.pack("<d", time.time())
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(record(head + _field(3, b"brain.Event:2")))
        values = b"".join(_field(1, _field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)) for tag, value in scalars.items())
        with self.path.open("ab") as file:
            file.write(record(head + b"\x10" + _varint(step) + _field(5, values)))
