"""Features of frozen towers, computed once and kept, so that training reads features and not photographs.

A cache belongs to one set of frozen weights, one set of data and one way of cropping; its directory is named by the hash of these.
Its arrays, one row per pair with the broken ones included (so that every run agrees on what row 4711 is):

  yes      float16 [N, D]  unit features of the captions
  tokens   int32 [N, T]    the captions, padded with 0
  ids      int64 [N, 2]    fingerprints of caption (its tokens) and image file: equal numbers, equal things
  ok       uint8 [N]       1: pair usable
  tokens_no int32 [N, T]   hand-crafted variant only: the captions in the no template
  view-K   float16 [N, D]  unit features of the Kth random crop; more views are added to what is there
"""

from __future__ import annotations

import hashlib
import json
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
from .feature_store import CHUNK, Store
from .model import CLIPN
from .pairs import Broken, DataError, Pair, Source
from .pretrained import Tokenise, digest
from .transform import normalise

AHEAD = 2
"""Chunks that are being decoded while one is in the towers."""
ENCODE = 128
"""Images that go through the tower at once."""


@dataclass(frozen=True)
class Job:
    """Settings that determine every value in a cache."""

    model: CLIPN
    tokenise: Tokenise
    tokenizer: str
    sources: list[Source]
    crop: tuple[float, float]
    views: int
    no_template: str | None = None
    """Hand-crafted variant: the no tower reads each caption in this template (one ``{}``)."""


@dataclass(frozen=True)
class Batch:
    image: Tensor
    """float32 [N, D], unit"""
    yes: Tensor
    """float32 [N, D], unit"""
    tokens: Tensor
    """int64 [N, T], T the longest of the batch: what the no tower reads; the captions, or the captions in the no template"""
    ids: Tensor
    """int64 [N, 2]: caption, image"""


class Stopped(Exception):
    """A signal asked the run to stop; finished chunks are kept."""


class FeatureCache:
    """Opens the cache of a job under ``root``; ``fill`` computes missing rows, ``batch`` reads."""

    def __init__(self, root: Path, job: Job, world: World):
        self.job, self.world = job, world
        scans = world.share([s.scan() for s in job.sources] if world.first else None)
        self.counts = [count for count, _ in scans]
        total = sum(self.counts)
        if not total:
            raise DataError("the data holds no image-caption pairs")
        about = {
            "frozen": digest(job.model, no=False),
            "tokenizer": job.tokenizer,
            "image_size": job.model.image_size,
            "crop": list(job.crop),
            "data": [mark for _, mark in scans],
            "pairs": total,
            "chunk": CHUNK,
            "device": world.device.type,  # half precision on a GPU gives other last bits than single precision on a CPU
        }
        if job.no_template:
            about["no_template"] = job.no_template
        self.key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
        d, views = job.model.embed_dim, [f"view-{k}" for k in range(job.views)]
        arrays = {"yes": ("float16", (d,)), "tokens": ("int32", (job.model.context_length,)), "ids": ("int64", (2,)), "ok": ("uint8", ())}
        if job.no_template:
            arrays["tokens_no"] = arrays["tokens"]
        self.pairs = tuple(arrays)
        arrays |= {v: ("float16", (d,)) for v in views}
        self.store = Store(root / self.key, total, arrays, {"pairs": self.pairs, **{v: (v,) for v in views}})
        if world.first:
            self.store.create()
            (self.store.path / "about.json").write_text(json.dumps(about, indent=1) + "\n")
        world.wait()
        self.rows = np.empty(0, np.int64)
        self.held = np.empty(0, np.int64)

    def fill(self, workers: int, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
        """Computes missing rows, each process its share. ``progress(done, of)`` counts this process's pairs.

        Raises Stopped where ``stop()`` said so, DataError where most pairs are broken.
        """
        missing = self.world.share(self.store.missing() if self.world.first else None)
        mine = {c: groups for i, (c, groups) in enumerate(sorted(missing.items())) if i % self.world.size == self.world.rank}
        stopped = False
        with ThreadPoolExecutor(workers) as pool:
            try:
                for done, (chunk, found) in enumerate(self._decoded(mine, pool), 1):
                    self._finish(chunk, mine[chunk], found, stop)
                    progress(min(done * CHUNK, self.store.rows), min(len(mine) * CHUNK, self.store.rows))
                    if done % 16 == 0:
                        self._refuse_mostly_broken(least=1000)
            except Stopped:
                stopped = True
        if self.world.any(stopped):
            raise Stopped
        self._refuse_mostly_broken(least=1)
        self.rows = np.flatnonzero(self.store.map("ok"))

    def _decoded(self, mine: dict[int, list[str]], pool: ThreadPoolExecutor) -> Iterator[tuple[int, list]]:
        """(chunk, the result of ``_open`` for each of its pairs) in order; tars are read here, images decoded and cropped by the pool."""
        waiting: deque[tuple[int, list[Future]]] = deque()
        try:
            for chunk, pairs in self._read(mine):
                views = [int(g.removeprefix("view-")) for g in mine[chunk] if g != "pairs"]
                waiting.append((chunk, [pool.submit(self._open, p, views) for p in pairs]))
                if len(waiting) > AHEAD:
                    first, futures = waiting.popleft()
                    yield first, [f.result() for f in futures]
            while waiting:
                first, futures = waiting.popleft()
                yield first, [f.result() for f in futures]
        finally:
            for f in [f for _, futures in waiting for f in futures]:
                f.cancel()

    def _read(self, mine: dict[int, list[str]]) -> Iterator[tuple[int, list[Pair | Broken]]]:
        """The pairs of this process's chunks; sources without any are not opened. A chunk may span sources."""
        at, chunk, pairs = 0, -1, []
        for source, count in zip(self.job.sources, self.counts, strict=True):
            start, at = at, at + count
            expected = sum((start + i) // CHUNK in mine for i in range(count))
            if not expected:
                continue
            given = 0
            for i, pair in source.read(lambda i, start=start: (start + i) // CHUNK in mine):
                if (start + i) // CHUNK != chunk:
                    if pairs:
                        yield chunk, pairs
                    chunk, pairs = (start + i) // CHUNK, []
                pairs.append(pair)
                given += 1
            if given != expected:
                raise DataError(f"{source.path}: has changed while it was read")
        if pairs:
            yield chunk, pairs

    def _open(self, pair: Pair | Broken, views: list[int]) -> tuple[Pair, int, list[np.ndarray]] | Broken:
        """(pair, fingerprint of its image, crops) or a description of the fault."""
        if isinstance(pair, Broken):
            return pair
        try:
            image, mark = decode(pair.image)
            return pair, mark, [view_of(image, pair.key, v, self.job.model.image_size, self.job.crop) for v in views]
        except FileNotFoundError:
            return Broken(pair.key, "image file missing")
        except Exception as error:  # decoders raise nearly anything on damaged files, and one photograph is not worth the run
            return Broken(pair.key, f"image undecodable ({type(error).__name__})")

    def _finish(self, chunk: int, groups: list[str], found: list, stop: Callable[[], bool]) -> None:
        """Encodes a chunk's missing rows and writes them."""
        good = [i for i, f in enumerate(found) if not isinstance(f, Broken)]
        opened = [found[i] for i in good]
        rows: dict[str, np.ndarray | None] = {}
        for at, view in enumerate(g for g in groups if g != "pairs"):
            rows[view] = self._images(np.stack([views[at] for _, _, views in opened]), stop) if opened else None
        notes: dict[str, dict] = {g: {} for g in groups}
        if "pairs" in groups:
            broken = [f for f in found if isinstance(f, Broken)]
            notes["pairs"] = {"pairs": len(found), "broken": Counter(b.reason for b in broken), "such_as": [b.key for b in broken[:3]]}
            rows |= dict.fromkeys(self.pairs)
            if opened:
                rows["tokens"], rows["yes"] = self._texts([p.caption for p, _, _ in opened])
                if self.job.no_template:
                    rows["tokens_no"] = self._tokens([self.job.no_template.replace("{}", p.caption) for p, _, _ in opened]).numpy().astype(np.int32)
                rows["ids"] = np.array([[fingerprint(t.tobytes()), mark] for t, (_, mark, _) in zip(rows["tokens"], opened, strict=True)])
                rows["ok"] = np.ones(len(opened))
        elif not np.array_equal(np.flatnonzero(self.store.map("ok")[self.store.span(chunk)]), good):
            raise DataError(f"{self.store.path}: other pairs are broken than when this cache was started; remove it to start over")
        self.store.write(self.world.rank, chunk, {name: self._spread(name, good, r, len(found)) for name, r in rows.items()}, notes)

    def _spread(self, name: str, good: list[int], rows: np.ndarray | None, count: int) -> np.ndarray:
        """Rows of the good pairs at their places among all; zeros elsewhere."""
        dtype, shape = self.store.arrays[name]
        out = np.zeros((count, *shape), dtype)
        if rows is not None:
            out[good] = rows
        return out

    @torch.no_grad()
    def _images(self, pixels: np.ndarray, stop: Callable[[], bool]) -> np.ndarray:
        """uint8 [N, S, S, 3] -> unit float16 [N, D]."""
        device, out = self.world.device, []
        for at in range(0, len(pixels), ENCODE):
            if stop():
                raise Stopped
            x = normalise(torch.from_numpy(pixels[at : at + ENCODE]).to(device).permute(0, 3, 1, 2).float() / 255)
            out.append(self._half(lambda x=x: self.job.model.encode_image(x)))
        return np.concatenate(out)

    @torch.no_grad()
    def _texts(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """int32 [N, context] and unit float16 [N, D]."""
        tokens = self._tokens(texts)
        cut = cut_to_longest(tokens).to(self.world.device)
        return tokens.numpy().astype(np.int32), self._half(lambda: self.job.model.text_features(cut, "yes"))

    def _tokens(self, texts: list[str]) -> Tensor:
        """int64 [N, context], padded with 0."""
        tokens = self.job.tokenise(texts)
        return F.pad(tokens, (0, self.job.model.context_length - tokens.shape[1]))

    def _half(self, encode: Callable[[], Tensor]) -> np.ndarray:
        """Unit features in half precision. On a GPU the towers run in it too, unless numbers overflow."""
        with torch.autocast(self.world.device.type, torch.float16, enabled=self.world.device.type == "cuda"):
            features = encode().float()
        if not features.isfinite().all():
            features = encode().float()
        return F.normalize(features, dim=-1).cpu().numpy().astype(np.float16)

    def broken(self) -> tuple[int, Counter, list[str]]:
        """Pairs looked at so far, how many of them are broken for which reason, and some of their names."""
        seen, reasons, names = 0, Counter(), []
        for (group, _), entry in sorted(self.store.journal().items()):
            if group == "pairs":
                seen += entry["pairs"]
                reasons.update(entry["broken"])
                names += entry["such_as"]
        return seen, reasons, names

    def _refuse_mostly_broken(self, least: int) -> None:
        seen, reasons, names = self.broken()
        if seen >= least and reasons.total() * 2 > seen:
            why = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(4))
            raise DataError(f"{reasons.total()} of {seen} pairs are broken: {why}; such as {', '.join(names[:3])}")

    def __len__(self) -> int:
        """Usable pairs that are not held out."""
        return len(self.rows)

    def hold_out(self, share: float, most: int = 2000) -> None:
        """Keeps whole captions from training, about ``share`` of them, with all their photographs: ``held``. Drawn by their hash.

        Where captions are class names, these are classes never seen. At least four captions are held out, or none.
        """
        captions, images = self.store.map("ids")[self.rows].T
        distinct = np.unique(captions)
        count = round(share * len(distinct))
        if count < 4:
            return
        chosen = np.sort(np.random.default_rng(0).permutation(distinct)[:count])
        out = np.isin(captions, chosen)
        self.held = self.rows[out][:most]
        # other captions of the same photographs are not trained on either
        self.rows = self.rows[~out & ~np.isin(images, images[out])]

    def batch(self, picked: np.ndarray, view: np.ndarray) -> Batch:
        """Rows ``picked`` [N] of the usable pairs, of each the crop ``view`` [N], on the device."""
        return self.read(self.rows[picked], view)

    def read(self, rows: np.ndarray, view: np.ndarray) -> Batch:
        """Rows of the store, of each the crop ``view`` [N], on the device."""
        device = self.world.device
        image = np.empty((len(rows), self.job.model.embed_dim), np.float32)
        for k in np.unique(view):
            image[view == k] = self.store.map(f"view-{k}")[rows[view == k]]
        yes = self.store.map("yes")[rows].astype(np.float32)
        return Batch(
            image=F.normalize(torch.from_numpy(image).to(device), dim=-1),
            yes=F.normalize(torch.from_numpy(yes).to(device), dim=-1),
            tokens=cut_to_longest(torch.from_numpy(self.store.map("tokens_no" if self.job.no_template else "tokens")[rows].astype(np.int64))).to(device),
            ids=torch.from_numpy(self.store.map("ids")[rows]).to(device),
        )


def cut_to_longest(tokens: Tensor) -> Tensor:
    """[N, T] -> [N, T'] without the columns that no text reaches: a causal tower gives the same features in less time."""
    return tokens[:, : int(tokens.argmax(-1).max()) + 1]
