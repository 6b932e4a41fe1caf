"""Image-caption pairs in common formats: WebDataset shards (tar) and tables (CSV, TSV).

A source numbers its pairs 0..count-1, including broken ones, so that "pair 4711 of this shard" is the same pair in every run. Nothing
is unpacked to disk. Only the pairs that are asked for are read; in a tar the others are skipped by seeking.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

IMAGES = ("jpg", "jpeg", "png", "webp")
TAR = (".tar", ".tar.gz", ".tgz")
TABLE = (".csv", ".tsv")


class DataError(ValueError):
    """The data as a whole cannot be used: there is none, a table lacks its columns, or most of it is broken."""


@dataclass(frozen=True)
class Pair:
    key: str
    """Name of the image inside its source; crops are drawn by it."""
    image: bytes | Path
    caption: str


@dataclass(frozen=True)
class Broken:
    key: str
    reason: str


@dataclass(frozen=True)
class Columns:
    """Of a table; the defaults are open_clip's. ``separator`` None means a tab if the header has one, otherwise a comma."""

    image: str = "filepath"
    caption: str = "title"
    separator: str | None = None


class Table:
    """A CSV or TSV file with a header; image paths are relative to the file's directory."""

    def __init__(self, path: Path, columns: Columns):
        self.path, self.columns = path, columns
        csv.field_size_limit(2**31 - 1)  # a caption of a megabyte is unusual but not an error

    def _rows(self) -> Iterator[tuple[str | None, str | None]]:
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
            file.seek(0)
            separator = self.columns.separator or ("\t" if "\t" in header else ",")
            rows = csv.DictReader(file, delimiter=separator)
            lacking = [c for c in (self.columns.image, self.columns.caption) if c not in (rows.fieldnames or [])]
            if lacking:
                raise DataError(f"{self.path}: no column {' or '.join(map(repr, lacking))}; its columns: {', '.join(rows.fieldnames or []) or 'none'}")
            try:
                for row in rows:
                    yield row[self.columns.image], row[self.columns.caption]
            except csv.Error as error:
                raise DataError(f"{self.path}, line {rows.line_num}: {error}") from error

    def scan(self) -> tuple[int, str]:
        """Number of pairs, and a fingerprint of them: every path and caption, and the size of every image file (-1: missing)."""
        count, digest = 0, hashlib.sha256()
        for image, caption in self._rows():
            path = self.path.parent / (image or "")
            size = path.stat().st_size if path.is_file() else -1
            digest.update(json.dumps([image, caption, size]).encode())
            count += 1
        return count, digest.hexdigest()

    def read(self, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Pair | Broken]]:
        """The pairs whose number is wanted. Image files are opened by the decoder later."""
        for i, (image, caption) in enumerate(self._rows()):
            if not wanted(i):
                continue
            if not image:
                yield i, Broken(f"row {i + 1}", "no image")
            elif not (caption or "").strip():
                yield i, Broken(image, "no caption")
            else:
                yield i, Pair(image, self.path.parent / image, caption)


class Shard:
    """A WebDataset tar: consecutive files that share their name up to the first dot are one sample, ``.txt`` or ``.json`` its caption."""

    def __init__(self, path: Path, caption_key: str = "caption"):
        self.path, self.caption_key = path, caption_key

    def _samples(self) -> Iterator[tuple[str, dict[str, tarfile.TarInfo], tarfile.TarFile]]:
        with tarfile.open(self.path) as tar:
            key, files = "", {}
            while (member := tar.next()) is not None:
                tar.members.clear()  # tarfile would keep the header of every file it has passed
                folder, _, base = member.name.rpartition("/")
                stem, _, suffix = base.partition(".")
                suffix = suffix.lower()
                if not member.isfile() or not stem or suffix not in (*IMAGES, "txt", "json"):
                    continue
                name = f"{folder}/{stem}" if folder else stem
                if name != key and files:
                    yield key, files, tar
                    files = {}
                key = name
                files[suffix] = member
            if files:
                yield key, files, tar

    def _checked(self) -> Iterator[tuple[str, dict[str, tarfile.TarInfo], tarfile.TarFile]]:
        """The samples. A truncated shard gives those before the cut, and a warning."""
        given = 0
        try:
            for sample in self._samples():
                yield sample
                given += 1
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            if not given:
                raise DataError(f"{self.path}: not a readable tar file ({error})") from error
            print(f"{self.path}: is truncated after {given} samples ({error})", file=sys.stderr, flush=True)

    def scan(self) -> tuple[int, str]:
        """Number of samples, and a fingerprint: name, size, first and last MiB. Reading a whole terabyte would take too long."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            head = file.read(2**20)
            file.seek(max(0, size - 2**20))
            tail = file.read()
        digest = hashlib.sha256(json.dumps([self.path.name, size, self.caption_key]).encode() + head + tail).hexdigest()
        return sum(1 for _ in self._checked()), digest

    def read(self, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Pair | Broken]]:
        for i, (key, files, tar) in enumerate(self._checked()):
            if wanted(i):
                yield i, self._pair(key, files, tar)

    def _pair(self, key: str, files: dict[str, tarfile.TarInfo], tar: tarfile.TarFile) -> Pair | Broken:
        image = next((files[s] for s in IMAGES if s in files), None)
        if image is None:
            return Broken(key, "no image")
        try:
            caption = self._caption(files, tar)
            if not caption.strip():
                return Broken(key, "no caption")
            return Pair(key, tar.extractfile(image).read(), caption)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # text that is not JSON, or JSON without a caption
            return Broken(key, f"no caption ({type(error).__name__})")
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            return Broken(key, f"unreadable in the tar ({type(error).__name__})")

    def _caption(self, files: dict[str, tarfile.TarInfo], tar: tarfile.TarFile) -> str:
        if "txt" in files:
            return tar.extractfile(files["txt"]).read().decode("utf-8", errors="replace")
        if "json" in files:
            caption = json.loads(tar.extractfile(files["json"]).read())[self.caption_key]
            if not isinstance(caption, str):
                raise TypeError("the caption is no string")
            return caption
        return ""


class ClassFolders:
    """A folder with a sub-folder of photographs for each class; the captions are the folders' names in a prompt."""

    PROMPT = "a photo of a {}."

    def __init__(self, path: Path):
        self.path = path

    def _files(self) -> list[Path]:
        return sorted(p for p in self.path.rglob("*") if p.suffix.lower().lstrip(".") in IMAGES and p.parent != self.path and p.is_file())

    def scan(self) -> tuple[int, str]:
        """Number of photographs, and a fingerprint of their paths and sizes."""
        files = [(str(p.relative_to(self.path)), p.stat().st_size) for p in self._files()]
        return len(files), hashlib.sha256(json.dumps(files).encode()).hexdigest()

    def read(self, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Pair | Broken]]:
        for i, path in enumerate(self._files()):
            if wanted(i):
                name = path.relative_to(self.path).parts[0].replace("_", " ")
                yield i, Pair(str(path.relative_to(self.path)), path, self.PROMPT.format(" ".join(name.split())))


Source = Table | Shard | ClassFolders


def expand(pattern: str) -> list[str]:
    """Shell braces: ``{000..010}`` (zeros kept) and ``{a,b}``, several of them and nested ones too."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    inside = found[1]
    span = re.fullmatch(r"(\d+)\.\.(\d+)", inside)
    if span:
        first, last = int(span[1]), int(span[2])
        width = max(len(span[1]), len(span[2])) if span[1].startswith("0") or span[2].startswith("0") else 0
        choices = [str(n).zfill(width) for n in range(first, last + (1 if last >= first else -1), 1 if last >= first else -1)]
    elif "," in inside:
        choices = inside.split(",")
    else:
        raise DataError(f"{pattern}: {found[0]!r} is neither a range like {{000..010}} nor a list like {{a,b}}")
    return [p for c in choices for p in expand(pattern[: found.start()] + c + pattern[found.end() :])]


def open_sources(patterns: list[str], columns: Columns, caption_key: str = "caption") -> list[Source]:
    """Sources in the order given. Raises DataError by name for a file that is missing or of an unknown kind."""
    sources: list[Source] = []
    for pattern in patterns:
        for name in [pattern] if Path(pattern).exists() else expand(pattern):
            path = Path(name)
            if path.is_dir():
                if not any(p.is_dir() for p in path.iterdir()):
                    raise DataError(
                        f"{name}: is a folder without sub-folders; name the files in it ('{name}/*.tar'), or give one sub-folder of photographs for each class"
                    )
                sources.append(ClassFolders(path))
                continue
            if not path.is_file():
                raise DataError(f"{name}: no such file")
            if name.lower().endswith(TAR):
                sources.append(Shard(path, caption_key))
            elif name.lower().endswith(TABLE):
                sources.append(Table(path, columns))
            else:
                raise DataError(f"{name}: neither a table ({', '.join(TABLE)}) nor a shard ({', '.join(TAR)})")
    if not sources:
        raise DataError("no data given")
    return sources
