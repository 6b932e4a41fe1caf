from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_pairs import Made, encoded, picture

from clipn_models import feature_store, features, pretrained
from clipn_models.crops import decode, view_of
from clipn_models.distributed import World
from clipn_models.features import FeatureCache, Job, Stopped
from clipn_models.pairs import Columns, DataError, open_sources
from clipn_models.transform import normalise

WORLD = World(torch.device("cpu"))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (feature_store, features):
        monkeypatch.setattr(module, "CHUNK", 16)


def job(made: Made, *data: Path, views: int = 1) -> Job:
    model, _ = pretrained.load(made.checkpoint, str(made.arch))
    tokenise, name = pretrained.load_tokenizer(model, made.tokenizer)
    return Job(model, tokenise, name, open_sources([str(d) for d in data or (made.table,)], Columns()), (0.9, 1.0), views)


def filled(root: Path, what: Job, stop=lambda: False) -> tuple[FeatureCache, list[tuple[int, int]]]:
    cache, seen = FeatureCache(root, what, WORLD), []
    cache.fill(2, lambda *at: seen.append(at), stop)
    return cache, seen


def arrays(cache: FeatureCache) -> dict[str, bytes]:
    return {n: cache.store.map(n).tobytes() for n in cache.store.arrays}


def test_features_are_the_towers(made: Made, tmp_path: Path) -> None:
    what = job(made, views=2)
    cache, _ = filled(tmp_path, what)
    assert len(cache) == 160
    batch = cache.batch(np.array([5, 90]), np.array([1, 0]))
    pairs = [p for _, p in what.sources[0].read(lambda i: i in (5, 90))]
    pixels = np.stack([view_of(decode(p.image)[0], p.key, v, 32, (0.9, 1.0)) for p, v in zip(pairs, (1, 0), strict=True)])
    with torch.no_grad():
        image = F.normalize(what.model.encode_image(normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)), dim=-1)
        yes = F.normalize(what.model.text_features(what.tokenise([p.caption for p in pairs]), "yes"), dim=-1)
    assert torch.allclose(batch.image, image, atol=1e-3)
    assert torch.allclose(batch.yes, yes, atol=1e-3)
    assert torch.equal(batch.tokens, what.tokenise([p.caption for p in pairs]))
    assert torch.allclose(batch.image.norm(dim=-1), torch.ones(2))


def test_a_shard_and_a_table_give_the_same_features(made: Made, tmp_path: Path) -> None:
    table, shard = filled(tmp_path, job(made))[0], filled(tmp_path, job(made, made.shard))[0]
    assert table.key != shard.key
    for name in ("yes", "tokens", "ids", "ok"):
        assert table.store.map(name).tobytes() == shard.store.map(name).tobytes()


def test_existing_features_are_not_computed_again(made: Made, tmp_path: Path) -> None:
    first, seen = filled(tmp_path, job(made))
    assert seen[-1] == (160, 160)
    again, seen = filled(tmp_path, job(made))
    assert not seen
    assert again.key == first.key
    _, seen = filled(tmp_path, job(made, views=2))  # another view is added to the same cache
    assert seen[-1] == (160, 160)
    assert filled(tmp_path, job(made, views=2))[1] == []
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_cache_is_continued(made: Made, tmp_path: Path) -> None:
    whole = arrays(filled(tmp_path / "whole", job(made))[0])
    calls = iter(range(100))
    with pytest.raises(Stopped):
        filled(tmp_path / "cut", job(made), stop=lambda: next(calls) >= 3)
    cache, seen = filled(tmp_path / "cut", job(made))
    assert seen[-1][1] == 160 - 3 * 16
    assert arrays(cache) == whole


def test_truncated_files_are_detected_and_completed(made: Made, tmp_path: Path) -> None:
    cache, _ = filled(tmp_path, job(made))
    whole, path = arrays(cache), cache.store.path
    with (path / "view-0.bin").open("r+b") as file:  # a block that never reached the disk
        file.seek(64 * 40)
        file.write(bytes(64))
    (path / "yes.bin").write_bytes((path / "yes.bin").read_bytes()[: 64 * 150])  # a file that lost its end
    journal = path / "journal-0.jsonl"
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join(lines[:-1]) + b"\n" + lines[-1][:20])  # a line that was being written
    cache, seen = filled(tmp_path, job(made))
    assert 0 < seen[-1][1] < 160
    assert arrays(cache) == whole


def test_other_weights_or_data_are_another_cache(made: Made, tmp_path: Path) -> None:
    base = FeatureCache(tmp_path, job(made), WORLD).key
    other = job(made)
    with torch.no_grad():
        other.model.visual.conv1.weight[0, 0, 0, 0] += 1e-3
    assert FeatureCache(tmp_path, other, WORLD).key != base
    no_only = job(made)
    with torch.no_grad():
        no_only.model.prompt_no += 1  # features do not depend on the no tower
    assert FeatureCache(tmp_path, no_only, WORLD).key == base
    assert FeatureCache(tmp_path, job(made, made.table, made.shard), WORLD).key != base


def broken_table(root: Path, good: int, bad: int) -> Path:
    rng = np.random.default_rng(0)
    rows = ["filepath,title"]
    for i in range(good):
        (root / f"{i}.jpg").write_bytes(encoded(picture("red", rng), "JPEG"))
        rows.append(f"{i}.jpg,a photo of red {i}")
    whole = encoded(picture("blue", rng), "JPEG")
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "text.jpg").write_text("<html>not found</html>")
    rows += (["cut.jpg,cut", "text.jpg,a page", "gone.jpg,gone", "0.jpg,"] * bad)[:bad]
    (root / "pairs.csv").write_text("\n".join(rows) + "\n")
    return root / "pairs.csv"


def test_broken_pairs_are_counted_and_skipped(made: Made, tmp_path: Path) -> None:
    cache, _ = filled(tmp_path / "cache", job(made, broken_table(tmp_path, 20, 4)))
    assert len(cache) == 20
    seen, reasons, names = cache.broken()
    assert seen == 24
    assert reasons["image file missing"] == 1
    assert reasons["no caption"] == 1
    assert sum(n for r, n in reasons.items() if r.startswith("image undecodable")) == 2
    assert "cut.jpg" in names
    assert cache.batch(np.arange(20), np.zeros(20, int)).image.norm(dim=-1).min() > 0.99


def test_mostly_broken_data_is_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"8 of 12 pairs are broken: .*such as cut\.jpg"):
        filled(tmp_path / "cache", job(made, broken_table(tmp_path, 4, 8)))


def test_empty_data_is_refused(made: Made, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("filepath,title\n")
    with pytest.raises(DataError, match="no image-caption pairs"):
        filled(tmp_path, job(made, tmp_path / "empty.csv"))


def test_chunks_may_span_sources(made: Made, tmp_path: Path) -> None:
    small = broken_table(tmp_path, 5, 0)
    cache, _ = filled(tmp_path / "cache", job(made, small, made.table, made.shard))
    assert len(cache) == 325
    ids = cache.store.map("ids")
    assert np.array_equal(ids[5:165], ids[165:])
