from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipn_models.class_folders import held_out, read
from clipn_models.pairs import ClassFolders, Columns, DataError, Pair, open_sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, count in {"golden_retriever": 10, "school bus": 5, "cat": 1, "empty": 0}.items():
        (tmp_path / "photos" / name / "deep").mkdir(parents=True)
        for i in range(count):
            (tmp_path / "photos" / name / ("deep" if i % 2 else ".") / f"{name}{i}.jpg").write_bytes(b"x" * (i + 1))
    (tmp_path / "photos" / "cat" / "notes.txt").write_text("not a photograph")
    return tmp_path / "photos"


def test_folders_are_classes(root: Path) -> None:
    photographs = read([root])
    assert photographs.names == ("cat", "golden retriever", "school bus")
    assert np.bincount(photographs.label).tolist() == [1, 10, 5]
    assert all(p.suffix == ".jpg" for p in photographs.paths)


def test_some_of_each_class_are_held_out_and_stay_so(root: Path) -> None:
    photographs = read([root])
    out = held_out(photographs)
    assert [int(out[photographs.label == c].sum()) for c in range(3)] == [0, 2, 1]
    names = {p.name for p, held in zip(photographs.paths, out, strict=True) if held}
    (root / "zebra").mkdir()
    (root / "zebra" / "z.jpg").write_bytes(b"z")
    more = read([root])
    assert {p.name for p, held in zip(more.paths, held_out(more), strict=True) if held} == names


def test_folders_that_are_no_classes_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="has no sub-folders"):
        read([root / "empty" / "deep"])
    (root / "loose.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"1 photographs are in no class's folder, such as loose\.jpg"):
        read([root])
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "one" / "cat" / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match="1 classes with photographs"):
        read([tmp_path / "one"])


def test_a_folder_as_data_gives_pairs_with_the_class_in_a_prompt(root: Path) -> None:
    (source,) = open_sources([str(root)], Columns())
    assert isinstance(source, ClassFolders)
    count, mark = source.scan()
    assert count == 16
    pairs = [pair for _, pair in source.read(lambda i: True)]
    assert all(isinstance(p, Pair) for p in pairs)
    assert {p.caption for p in pairs} == {"a photo of a cat.", "a photo of a golden retriever.", "a photo of a school bus."}
    assert [i for i, _ in source.read(lambda i: i % 5 == 0)] == [0, 5, 10, 15]
    (root / "cat" / "other.jpg").write_bytes(b"x")
    assert source.scan()[1] != mark


def test_a_folder_of_files_as_data_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(DataError, match=r"without sub-folders; name the files in it .*/\*\.tar"):
        open_sources([str(tmp_path)], Columns())
