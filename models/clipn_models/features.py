"""Features of frozen towers, computed once and kept on disk: what training then reads is numbers, not photographs.

A cache belongs to one set of frozen weights, one set of data and one way of cropping; its directory is named by the hash of these.
In it, one row per pair, broken pairs included (so every run agrees on what row 4711 is):

  yes.bin       float16 [N, D]  unit features of the captions
  tokens.bin    int32 [N, T]    the captions, padded with 0
  ids.bin       int64 [N, 2]    fingerprints of caption (its tokens) and image file: equal numbers, equal things
  ok.bin        uint8 [N]       1: pair usable
  view-K.bin    float16 [N, D]  unit features of the Kth random crop; more views are added to what is there
  journal-R.jsonl               what process R has finished: chunk by chunk with CRC-32, written after the rows are on the disk

A process that dies leaves whole chunks and nothing worse. Whatever is not in the journal, or whose rows do not have the CRC
noted there, is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .crops import decode, fingerprint, view_of
from .distributed import World
from .model import CLIPN
from .pairs import Broken, DataError, Pair, Source
from .pretrained import Tokenise, digest
from .train_clip import normalise

CHUNK = 512
"""Pairs that are computed, written and noted at once."""
AHEAD = 2
"""Chunks that are being decoded while one is in the towers."""
ENCODE = 128
"""Images that go through the tower at once."""


@dataclass(frozen=True)
class Job:
    """What decides every number in a cache."""

    model: CLIPN
    tokenise: Tokenise
    tokenizer: str
    sources: list[Source]
    crop: tuple[float, float]
    views: int


@dataclass(frozen=True)
class Batch:
    image: Tensor
    """float32 [N, D], unit"""
    yes: Tensor
    """float32 [N, D], unit"""
    tokens: Tensor
    """int64 [N, T], T the longest of the batch"""
    ids: Tensor
    """int64 [N, 2]: caption, image"""


class FeatureCache:
    """Opens the cache of a job under ``root``; ``fill`` computes what it lacks, ``batch`` reads."""

    def __init__(self, root: Path, job: Job, world: World):
        self.job, self.world = job, world
        scans = world.share([s.scan() for s in job.sources] if world.first else None)
        self.counts = [count for count, _ in scans]
        self.count = sum(self.counts)
        if not self.count:
            raise DataError("the data holds no image-caption pairs")
        about = {
            "frozen": digest(job.model, no=False),
            "tokenizer": job.tokenizer,
            "image_size": job.model.image_size,
            "crop": list(job.crop),
            "data": [mark for _, mark in scans],
            "pairs": self.count,
            "device": world.device.type,  # half precision on a GPU gives other last bits than single precision on a CPU
        }
        self.key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
        self.path = root / self.key
        if world.first:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "about.json").write_text(json.dumps(about, indent=1) + "\n")
            for name in self._shapes():
                with (self.path / f"{name}.bin").open("ab") as file:
                    file.truncate(self._width(name) * self.count)  # sparse: holes cost nothing until they are written
        world.wait()
        self.rows = np.empty(0, np.int64)

    def _shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        d, t = self.job.model.embed_dim, self.job.model.context_length
        base = {"yes": ("float16", (d,)), "tokens": ("int32", (t,)), "ids": ("int64", (2,)), "ok": ("uint8", ())}
        return base | {f"view-{k}": ("float16", (d,)) for k in range(self.job.views)}

    def _width(self, name: str) -> int:
        dtype, shape = self._shapes()[name]
        return np.dtype(dtype).itemsize * int(np.prod(shape))

    def _map(self, name: str) -> np.ndarray:
        dtype, shape = self._shapes()[name]
        return np.memmap(self.path / f"{name}.bin", dtype, "r", shape=(self.count, *shape))

    def _chunks(self) -> int:
        return -(-self.count // CHUNK)

    @staticmethod
    def _parts(name: str) -> tuple[str, ...]:
        """The files that are finished together under one name of the journal."""
        return ("yes", "tokens", "ids", "ok") if name == "pairs" else (name,)

    @property
    def _names(self) -> list[str]:
        return ["pairs", *(f"view-{k}" for k in range(self.job.views))]

    # what is there

    def _journal(self) -> dict[tuple[str, int], dict]:
        """Every finished chunk's last entry. A torn last line is a chunk that was not finished."""
        entries: dict[tuple[str, int], dict] = {}
        for path in sorted(self.path.glob("journal-*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                    entries[entry["name"], entry["chunk"]] = entry
                except (ValueError, KeyError, TypeError):
                    continue
        return entries

    def _crc(self, name: str, chunk: int, arrays: dict[str, np.ndarray] | None = None) -> int:
        """Of a chunk's rows as they lie on the disk, or as they are about to."""
        at, crc = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, self.count)), 0
        for part in self._parts(name):
            rows = self._map(part)[at] if arrays is None else arrays[part]
            crc = zlib.crc32(np.ascontiguousarray(rows).view(np.uint8).data if rows.size else b"", crc)
        return crc

    def _missing(self) -> dict[int, list[str]]:
        """{chunk: names it lacks}; rows are read back and compared with their CRC, which also warms the page cache."""
        journal = self._journal()
        lacking: dict[int, list[str]] = {}
        for chunk in range(self._chunks()):
            for name in self._names:
                entry = journal.get((name, chunk))
                if entry is None or entry["crc"] != self._crc(name, chunk):
                    lacking.setdefault(chunk, []).append(name)
        return lacking

    # computing

    def fill(self, workers: int, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> bool:
        """Computes what is missing, each process its share; False when stopped before the end. ``progress(done, of)`` counts pairs.

        Raises DataError where most pairs are broken.
        """
        missing = self.world.share(self._missing() if self.world.first else None)
        mine = {c: names for i, (c, names) in enumerate(sorted(missing.items())) if i % self.world.size == self.world.rank}
        stopped = False
        with ThreadPoolExecutor(workers) as pool, (self.path / f"journal-{self.world.rank}.jsonl").open("ab") as journal:
            journal.write(b"\n")  # ends what a torn last line began
            for done, (chunk, found) in enumerate(self._decoded(mine, pool)):
                self._finish(chunk, mine[chunk], found, journal)
                progress(min((done + 1) * CHUNK, self.count), min(len(mine) * CHUNK, self.count))
                if done % 16 == 15:
                    self._refuse_mostly_broken(least=1000)
                stopped = stop()
                if stopped:
                    break
        if self.world.any(stopped):
            return False
        self.world.wait()
        self._refuse_mostly_broken(least=1)
        self.rows = np.flatnonzero(self._map("ok"))
        return True

    def _decoded(self, mine: dict[int, list[str]], pool: ThreadPoolExecutor) -> Iterator[tuple[int, list]]:
        """(chunk, what ``_open`` made of each of its pairs) in order; files are read here, decoded and cropped by the pool."""
        waiting: deque[tuple[int, list[Future]]] = deque()
        try:
            for chunk, pairs in self._read(mine):
                views = [int(n.removeprefix("view-")) for n in mine[chunk] if n != "pairs"]
                waiting.append((chunk, [pool.submit(self._open, p, views) for p in pairs]))
                if len(waiting) > AHEAD:
                    first, futures = waiting.popleft()
                    yield first, [f.result() for f in futures]
            while waiting:
                first, futures = waiting.popleft()
                yield first, [f.result() for f in futures]
        finally:
            for _, futures in waiting:
                for f in futures:
                    f.cancel()

    def _read(self, mine: dict[int, list[str]]) -> Iterator[tuple[int, list[Pair | Broken]]]:
        """The pairs of the chunks that are mine; sources without any are not opened. A chunk may span sources."""
        at, chunk, pairs = 0, -1, []
        for source, count in zip(self.job.sources, self.counts, strict=True):
            start, at = at, at + count
            if not any(c in mine for c in range(start // CHUNK, -(-at // CHUNK))):
                continue
            given = 0
            for i, pair in source.read(lambda i, start=start: (start + i) // CHUNK in mine):
                if (start + i) // CHUNK != chunk:
                    if pairs:
                        yield chunk, pairs
                    chunk, pairs = (start + i) // CHUNK, []
                pairs.append(pair)
                given += 1
            if given != sum((start + i) // CHUNK in mine for i in range(count)):
                raise DataError(f"{source.path}: has changed while it was read")
        if pairs:
            yield chunk, pairs

    def _open(self, pair: Pair | Broken, views: list[int]) -> tuple[Pair, int, list[np.ndarray]] | Broken:
        if isinstance(pair, Broken):
            return pair
        try:
            image, mark = decode(pair.image)
            return pair, mark, [view_of(image, pair.key, v, self.job.model.image_size, self.job.crop) for v in views]
        except FileNotFoundError:
            return Broken(pair.key, "image file missing")
        except Exception as error:  # decoders raise nearly anything on damaged files, and one photograph is not worth the run
            return Broken(pair.key, f"image undecodable ({type(error).__name__})")

    def _finish(self, chunk: int, names: list[str], found: list, journal) -> None:
        """Encodes a chunk, writes its rows, and notes it once they are on the disk."""
        good = [i for i, f in enumerate(found) if not isinstance(f, Broken)]
        opened = [found[i] for i in good]
        arrays: dict[str, np.ndarray] = {}
        for at, name in enumerate(n for n in names if n != "pairs"):
            pixels = [views[at] for _, _, views in opened]
            arrays[name] = self._spread(name, good, self._images(np.stack(pixels)) if pixels else None, len(found))
        if "pairs" in names:
            tokens, yes = self._texts([p.caption for p, _, _ in opened]) if opened else (None, None)
            ids = None if tokens is None else np.array([[fingerprint(row.tobytes()), mark] for row, (_, mark, _) in zip(tokens, opened, strict=True)])
            for name, rows in (("yes", yes), ("tokens", tokens), ("ids", ids), ("ok", np.ones(len(good)))):
                arrays[name] = self._spread(name, good, rows, len(found))
        elif not np.array_equal(np.flatnonzero(self._map("ok")[chunk * CHUNK : (chunk + 1) * CHUNK]), good):
            raise DataError(f"{self.path}: other pairs are broken than when this cache was begun; remove it to begin anew")
        for name, rows in arrays.items():
            with (self.path / f"{name}.bin").open("r+b") as file:
                file.seek(chunk * CHUNK * self._width(name))
                file.write(rows.tobytes())
                file.flush()
                os.fsync(file.fileno())
        broken = [f for f in found if isinstance(f, Broken)]
        for name in names:
            entry = {"name": name, "chunk": chunk, "crc": self._crc(name, chunk, arrays)}
            if name == "pairs":
                entry |= {"pairs": len(found), "broken": Counter(b.reason for b in broken), "such_as": [b.key for b in broken[:3]]}
            journal.write(json.dumps(entry).encode() + b"\n")
        journal.flush()
        os.fsync(journal.fileno())

    def _spread(self, name: str, good: list[int], rows: np.ndarray | None, count: int) -> np.ndarray:
        """Rows of the good pairs at their places among all; zeros elsewhere."""
        dtype, shape = self._shapes()[name]
        out = np.zeros((count, *shape), dtype)
        if rows is not None and len(good):
            out[good] = rows
        return out

    @torch.no_grad()
    def _images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> unit float16 [N, D]."""
        device, out = self.world.device, []
        for at in range(0, len(pixels), ENCODE):
            x = normalise(torch.from_numpy(pixels[at : at + ENCODE]).to(device).permute(0, 3, 1, 2).float() / 255)
            out.append(self._half(lambda x=x: self.job.model.encode_image(x)))
        return np.concatenate(out)

    @torch.no_grad()
    def _texts(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """int32 [N, context] and unit float16 [N, D]."""
        tokens = self.job.tokenise(texts)
        tokens = F.pad(tokens, (0, self.job.model.context_length - tokens.shape[1]))
        cut = tokens[:, : int(tokens.argmax(-1).max()) + 1].to(self.world.device)
        return tokens.numpy().astype(np.int32), self._half(lambda: self.job.model.text_features(cut, "yes"))

    def _half(self, encode: Callable[[], Tensor]) -> np.ndarray:
        """Unit features in half precision. On a GPU the towers run in it too, unless numbers overflow."""
        with torch.autocast(self.world.device.type, torch.float16, enabled=self.world.device.type == "cuda"):
            features = encode().float()
        if not features.isfinite().all():
            features = encode().float()
        return F.normalize(features, dim=-1).cpu().numpy().astype(np.float16)

    # reading

    def broken(self) -> tuple[int, int, Counter, list[str]]:
        """Pairs looked at, broken ones among them, for which reasons, and some of their names."""
        seen, reasons, names = 0, Counter(), []
        for (name, _), entry in sorted(self._journal().items()):
            if name == "pairs":
                seen += entry["pairs"]
                reasons.update(entry["broken"])
                names += entry["such_as"]
        return seen, sum(reasons.values()), reasons, names

    def _refuse_mostly_broken(self, least: int) -> None:
        seen, broken, reasons, names = self.broken()
        if seen >= least and broken * 2 > seen:
            why = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(4))
            raise DataError(f"{broken} of {seen} pairs are broken: {why}; such as {', '.join(names[:3])}")

    def __len__(self) -> int:
        """Usable pairs."""
        return len(self.rows)

    def batch(self, picked: np.ndarray, view: np.ndarray) -> Batch:
        """Rows ``picked`` [N] of the usable pairs, of each the crop ``view`` [N], on the device."""
        rows = self.rows[picked]
        image = np.empty((len(rows), self.job.model.embed_dim), np.float32)
        for k in np.unique(view):
            image[view == k] = self._open_map(f"view-{k}")[rows[view == k]]
        tokens = torch.from_numpy(self._open_map("tokens")[rows].astype(np.int64))
        tokens = tokens[:, : int(tokens.argmax(-1).max()) + 1]
        yes = torch.from_numpy(self._open_map("yes")[rows].astype(np.float32))
        device = self.world.device
        return Batch(
            F.normalize(torch.from_numpy(image).to(device), dim=-1),
            F.normalize(yes.to(device), dim=-1),
            tokens.to(device),
            torch.from_numpy(self._open_map("ids")[rows]).to(device),
        )

    def _open_map(self, name: str) -> np.ndarray:
        """A map that stays open."""
        self._maps = getattr(self, "_maps", {})
        if name not in self._maps:
            self._maps[name] = self._map(name)
        return self._maps[name]
