"""Arrays of features on disk that survive being killed at any moment.

A directory holds, with one row per pair:

  NAME.bin          raw rows of one array, full length from the beginning (sparse until written)
  journal-R.jsonl   what process R has finished: which arrays of which chunk of rows, with their CRC-32

An entry is written after its rows are on the disk, so a killed process leaves complete chunks only. A chunk counts as missing if it is
not in a journal, or if its rows do not have the CRC of its entry.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np

CHUNK = 512
"""Rows that are written and noted at once."""


class Store:
    """``arrays``: {name: (dtype, shape of a row)}. ``groups``: {group: names of the arrays that are finished together}."""

    def __init__(self, path: Path, rows: int, arrays: dict[str, tuple[str, tuple[int, ...]]], groups: dict[str, tuple[str, ...]]):
        self.path, self.rows, self.arrays, self.groups = path, rows, arrays, groups
        self._maps: dict[str, np.ndarray] = {}

    def create(self) -> None:
        """Makes the directory, and sets every file to its right length. The CRCs detect damaged rows."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in self.arrays:
            with (self.path / f"{name}.bin").open("ab") as file:
                file.truncate(self._width(name) * self.rows)

    def _width(self, name: str) -> int:
        dtype, shape = self.arrays[name]
        return np.dtype(dtype).itemsize * int(np.prod(shape))

    def map(self, name: str) -> np.ndarray:
        """Read-only memory map [rows, ...] of one array, opened once."""
        if name not in self._maps:
            dtype, shape = self.arrays[name]
            self._maps[name] = np.memmap(self.path / f"{name}.bin", dtype, "r", shape=(self.rows, *shape))
        return self._maps[name]

    def span(self, chunk: int) -> slice:
        return slice(chunk * CHUNK, min((chunk + 1) * CHUNK, self.rows))

    def _crc(self, group: str, chunk: int, arrays: dict[str, np.ndarray] | None = None) -> int:
        """CRC of a chunk's rows, on disk or before they are written."""
        crc = 0
        for name in self.groups[group]:
            rows = self.map(name)[self.span(chunk)] if arrays is None else arrays[name]
            crc = zlib.crc32(np.ascontiguousarray(rows).tobytes(), crc)
        return crc

    def journal(self) -> dict[tuple[str, int], dict]:
        """Every finished (group, chunk) with its last entry. An incomplete line is a chunk that was not finished."""
        entries: dict[tuple[str, int], dict] = {}
        for path in sorted(self.path.glob("journal-*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                    entries[entry["group"], entry["chunk"]] = entry
                except (ValueError, KeyError, TypeError):
                    continue
        return entries

    def missing(self) -> dict[int, list[str]]:
        """{chunk: groups it lacks}. Rows are read back and compared with their CRC, which also brings them into the page cache."""
        journal = self.journal()
        lacking: dict[int, list[str]] = {}
        for chunk in range(-(-self.rows // CHUNK)):
            for group in self.groups:
                entry = journal.get((group, chunk))
                if entry is None or entry["crc"] != self._crc(group, chunk):
                    lacking.setdefault(chunk, []).append(group)
        return lacking

    def write(self, writer: int, chunk: int, arrays: dict[str, np.ndarray], notes: dict[str, dict]) -> None:
        """Writes a chunk's rows, then its entries in the journal of process ``writer``: ``notes`` {group: what else to note}.

        Plain writes at an offset instead of shared maps, because several processes write different chunks of one file.
        """
        for name, rows in arrays.items():
            with (self.path / f"{name}.bin").open("r+b") as file:
                file.seek(chunk * CHUNK * self._width(name))
                file.write(rows.tobytes())
                _settle(file)
        with (self.path / f"journal-{writer}.jsonl").open("ab") as file:
            for group, note in notes.items():
                # the leading line feed ends an incomplete line
                file.write(b"\n" + json.dumps({"group": group, "chunk": chunk, "crc": self._crc(group, chunk, arrays), **note}).encode() + b"\n")
            _settle(file)


def _settle(file) -> None:
    file.flush()
    os.fsync(file.fileno())
