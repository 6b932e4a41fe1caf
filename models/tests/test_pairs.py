from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from made_pairs import Made, add, encoded
from PIL import Image

from clipn_models.crops import crop_box, decode, view_of
from clipn_models.pairs import Broken, Columns, DataError, Pair, expand, open_sources


def read(*paths: Path, columns: Columns | None = None) -> list[Pair | Broken]:
    return [p for s in open_sources([str(p) for p in paths], columns or Columns()) for _, p in s.read(lambda _: True)]


def test_braces_expand_as_in_a_shell() -> None:
    assert expand("a/{008..011}.tar") == ["a/008.tar", "a/009.tar", "a/010.tar", "a/011.tar"]
    assert expand("{2..0}") == ["2", "1", "0"]
    assert expand("{a,b}/{1..2}.tar") == ["a/1.tar", "a/2.tar", "b/1.tar", "b/2.tar"]
    assert expand("{x{1..2},y}") == ["x1", "y", "x2", "y"]
    assert expand("plain.tar") == ["plain.tar"]
    with pytest.raises(DataError, match="neither a range"):
        expand("{1-3}.tar")


def test_table_and_shard_hold_the_same_pairs(made: Made) -> None:
    table, shard = read(made.table), read(made.shard)
    assert [p.caption for p in table] == [p.caption for p in shard]
    assert all(Path(a.image).read_bytes() == b.image for a, b in zip(table, shard, strict=True))
    assert len(table) == open_sources([str(made.table)], Columns())[0].scan()[0] == open_sources([str(made.shard)], Columns())[0].scan()[0] == 160


def test_only_the_requested_pairs_are_read(made: Made) -> None:
    for path in (made.table, made.shard):
        source = open_sources([str(path)], Columns())[0]
        assert [i for i, _ in source.read(lambda i: i in (3, 77))] == [3, 77]


def test_tables_with_other_columns_and_separators(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("title\tfilepath\n'quoted', with a comma\tx.png\n\ty.png\nno image\t\n")
    found = read(tmp_path / "a.tsv")
    assert found[0] == Pair("x.png", tmp_path / "x.png", "'quoted', with a comma")
    assert [f.reason for f in found[1:]] == ["no caption", "no image"]
    with (tmp_path / "b.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows([["url", "text"], ["/far/away.jpg", "two\nlines; one text"]])
    found = read(tmp_path / "b.csv", columns=Columns("url", "text", ";"))
    assert found == [Pair("/far/away.jpg", Path("/far/away.jpg"), "two\nlines; one text")]
    with pytest.raises(DataError, match="no column 'filepath' or 'title'; its columns: url;text"):
        read(tmp_path / "b.csv")


def test_broken_samples_of_a_shard_are_named(tmp_path: Path) -> None:
    png = encoded(np.zeros((4, 4, 3), np.uint8), "PNG")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "d/one.jpg", png)
        add(tar, "d/one.json", json.dumps({"caption": "from json", "url": "x"}).encode())
        add(tar, "d/two.png", png)
        add(tar, "d/three.txt", b"words without a picture")
        add(tar, "d/four.webp", png)
        add(tar, "d/four.json", b"{not json")
        add(tar, "d/five.PNG", png)
        add(tar, "d/five.txt", b"  \n")
        add(tar, "d/six.png", png)
        add(tar, "d/six.json", b'{"caption": 6}')
        add(tar, "d/._one.jpg", b"left by a file manager")
        add(tar, "notes.md", b"not a sample")
    found = read(tmp_path / "a.tar")
    assert found[0] == Pair("d/one", png, "from json")
    assert [(f.key, f.reason.split(" (")[0]) for f in found[1:]] == [
        ("d/two", "no caption"),
        ("d/three", "no image"),
        ("d/four", "no caption"),
        ("d/five", "no caption"),
        ("d/six", "no caption"),
    ]


def test_a_truncated_shard_gives_its_complete_samples(tmp_path: Path, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.tar").write_bytes(made.shard.read_bytes()[:200_000])
    count, _ = open_sources([str(tmp_path / "cut.tar")], Columns())[0].scan()
    assert 0 < count < 160
    assert "is truncated after" in capsys.readouterr().err
    assert all(isinstance(p, Pair) for p in read(tmp_path / "cut.tar")[:-1])
    (tmp_path / "none.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(DataError, match="not a readable tar"):
        read(tmp_path / "none.tar")


def test_compressed_shards(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        add(tar, "1.png", b"x")
        add(tar, "1.txt", b"one")
    assert read(tmp_path / "a.tar.gz") == [Pair("1", b"x", "one")]


def test_missing_and_unknown_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").touch()
    with pytest.raises(DataError, match=r"data\.parquet: neither a table"):
        read(tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"001\.tar: no such file"):
        open_sources([str(tmp_path / "{001..002}.tar")], Columns())


def test_a_fingerprint_changes_with_the_data(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"1")

    def mark(text: str) -> str:
        (tmp_path / "a.csv").write_text(text)
        return open_sources([str(tmp_path / "a.csv")], Columns())[0].scan()[1]

    first = mark("filepath,title\nx.png,a\n")
    assert first == mark("filepath,title\nx.png,a\n")
    assert first != mark("filepath,title\nx.png,b\n")
    (tmp_path / "x.png").write_bytes(b"22")
    assert first != mark("filepath,title\nx.png,a\n")


@pytest.mark.parametrize(("width", "height"), [(600, 500), (640, 480), (33, 500), (500, 20), (1, 1)])
def test_crops_keep_nine_tenths_and_never_change(width: int, height: int) -> None:
    boxes = [crop_box("name", v, width, height, (0.9, 1.0)) for v in range(40)]
    assert boxes == [crop_box("name", v, width, height, (0.9, 1.0)) for v in range(40)]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    if (width, height) == (600, 500):
        shares = [(right - left) * (bottom - top) / (width * height) for left, top, right, bottom in boxes]
        assert min(shares) > 0.89
        assert len(set(boxes)) > 30


def test_photographs_become_rgb_before_they_are_resized() -> None:
    image, mark = decode(encoded(np.full((8, 8, 4), (255, 0, 0, 0), np.uint8), "PNG"))
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == (255, 255, 255)  # transparency is composited on white
    assert mark != decode(encoded(np.zeros((8, 8, 4), np.uint8), "PNG"))[1]
    assert view_of(Image.new("RGB", (50, 30)), "x", 0, 16, (0.9, 1.0)).shape == (16, 16, 3)
