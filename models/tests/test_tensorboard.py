from __future__ import annotations

import struct
from pathlib import Path

from clipn_models.tensorboard import Board, crc32c


def test_the_checksum_is_castagnolis() -> None:
    # RFC 3720, appendix B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


def test_an_event_file_has_a_version_and_its_scalars(tmp_path: Path) -> None:
    board = Board(tmp_path / "tensorboard")
    assert not board.path.parent.exists(), "nothing is made before there is something to say"
    board.add(300, {"train/loss": 0.5})
    data, at, records = board.path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        records.append(data[at + 12 : at + 12 + length])
        at += length + 16
    assert at == len(data)
    assert b"brain.Event:2" in records[0]
    assert records[1][9:12] == b"\x10\xac\x02", "step 300"
    assert records[1].endswith(b"train/loss" + b"\x15" + struct.pack("<f", 0.5))
