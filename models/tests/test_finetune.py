"""Fine-tuning of a bundle on class folders, on synthetic data."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_pairs import COLOURS, encoded, picture
from torch import nn

from clipn_models.__main__ import parser
from clipn_models.bundle import load_manifest
from clipn_models.default import make, towers
from clipn_models.finetune import run as finetune
from clipn_models.finetune.data import Data
from clipn_models.finetune.steps import Fold, Heads, NoSide, Preset, encode, image_head, split
from clipn_models.finetune.world import World

CLASSES, EACH = 10, 12
DEFAULT = Path(__file__).parent.parent / "clipn-small"
QUICK = Preset(steps=60, no_steps=80, batch=64, folds=2, tenants=3)


def unit(*shape: int, seed: int) -> torch.Tensor:
    return nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.fixture
def image() -> SimpleNamespace:
    """The parts of an image graph that fine-tuning needs: the pretrained classifier and the names of its classes."""
    torch.manual_seed(0)
    return SimpleNamespace(pooled=SimpleNamespace(model=SimpleNamespace(classifier=nn.Linear(1280, 1000))), names=unit(1000, towers.SPACE, seed=1))


@pytest.fixture
def data() -> Data:
    """Photographs around a point of their class; every fourth is held out."""
    g = torch.Generator().manual_seed(2)
    label = np.repeat(np.arange(CLASSES), EACH)
    z = torch.randn(CLASSES, 1280, generator=g)[label] + 0.7 * torch.randn(2, len(label), 1280, generator=g)
    held = np.arange(len(label)) % 4 == 0
    conse, made = unit(2, len(label), towers.SPACE, seed=3), torch.randn(20, 1280, generator=g)
    text, ones = unit(CLASSES, towers.SPACE, seed=4), torch.ones(1280)
    return Data(z, conse, made, unit(20, towers.SPACE, seed=5), label, text, held, 3 * ones, ones)


def test_a_fold_trains_without_its_classes_its_photographs_and_those_held_out(data: Data) -> None:
    parts = split(data, Preset(folds=3), np.random.default_rng(0))
    assert np.array_equal(sum(unseen.astype(int) for unseen, _ in parts), np.ones(CLASSES))
    for unseen, rows in parts:
        assert not rows[data.held].any()
        assert not unseen[data.label[rows]].any()
        assert (~rows & ~data.held & ~unseen[data.label]).any(), "new photographs of known classes are left"
    ((unseen, rows),) = split(data, Preset(folds=1), np.random.default_rng(0))
    assert not unseen.any()
    assert np.array_equal(rows, ~data.held)


def test_made_features_are_classified_as_the_class_of_their_direction(image: SimpleNamespace, data: Data) -> None:
    world = World(image, data, np.random.default_rng(0))
    z, conse = world.draw(200)
    pooled = z * data.deviation + data.mean
    assert pooled.min() >= -1e-4, "pooled features are never negative"
    assert torch.allclose(conse.norm(dim=-1), torch.ones(200), atol=1e-5)
    known = torch.softmax(image.pooled.model.classifier(world.raw), -1).max(-1).values.mean()
    assert torch.softmax(image.pooled.model.classifier(pooled), -1).max(-1).values.mean() > 3 * known


def test_the_head_learns_the_classes_and_keeps_its_outputs_for_all_others(image: SimpleNamespace, data: Data) -> None:
    torch.manual_seed(1)
    before = towers.ImageHead().eval().requires_grad_(False)
    head = image_head(before, data, image.names, np.flatnonzero(~data.held), QUICK, World(image, data, np.random.default_rng(0)))
    z, conse = data.z[0][data.held], data.conse[0][data.held]
    right = [float(((h(z, conse) @ data.text.T).argmax(-1).numpy() == data.label[data.held]).mean()) for h in (before, head)]
    assert right[0] < 0.4
    assert right[1] > 0.9, "held-out photographs"
    free = image_head(
        before, data, image.names, np.flatnonzero(~data.held), Preset(steps=60, batch=64, world=0.0), World(image, data, np.random.default_rng(0))
    )
    other = World(image, data, np.random.default_rng(1)).draw(300)
    kept, lost = (float((h(*other) * before(*other)).sum(-1).mean()) for h in (head, free))
    assert kept > lost


def test_the_no_side_keeps_new_photographs_and_catches_classes_not_used_for_the_head(image: SimpleNamespace, data: Data) -> None:
    torch.manual_seed(1)
    heads = Heads(towers.ImageHead(), towers.Coordinates(), towers.NoHead())
    for module in vars(heads).values():
        module.eval().requires_grad_(False)
    world, folds = World(image, data, np.random.default_rng(0)), []
    for unseen, rows in split(data, QUICK, world.rng):
        head = image_head(heads.image, data, image.names, np.flatnonzero(rows), QUICK, world)
        folds.append(Fold(head, unseen, ~rows & ~data.held, *encode(head, data)))
    losses: list[float] = []
    NoSide(heads, data, folds, image.names, QUICK, world).run(lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    v, z = folds[0].v[0][data.held], data.z[0][data.held]
    features = towers.image_feature(v, heads.coordinates(z, v)).numpy()
    yes, no = towers.yes_feature(data.text).numpy(), heads.no(data.text).numpy()
    found = finetune.tenant_figures(features, data.label[data.held], yes, no, np.flatnonzero(~folds[0].unseen))
    assert found["kept"] > 0.8
    assert found["caught"] > 0.5


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for colour in list(COLOURS)[:3]:
        (tmp_path / "photographs" / f"{colour}_card").mkdir(parents=True)
        for i in range(5):
            (tmp_path / "photographs" / f"{colour}_card" / f"{i}.png").write_bytes(encoded(picture(colour, rng, (64, 48)), "PNG"))
    return tmp_path / "photographs"


def test_folders_become_a_verified_bundle_and_an_interrupted_run_continues(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "MADE_PART", 8)
    monkeypatch.setattr(finetune, "Preset", lambda: Preset(steps=3, no_steps=4, batch=12, folds=2, made=4))
    out = tmp_path / "run"
    args = parser().parse_args(["train", "--bundle", str(DEFAULT), "--data", str(folders), "--out", str(out), "--workers", "1", "--name", "mine"])
    args.run(args)
    manifest = load_manifest(out / "bundle")
    assert manifest["name"] == "mine"
    assert "precisions" not in manifest
    assert manifest["provenance"]["training_data"][-1].startswith("15 photographs of 3 classes")
    assert manifest["evaluation"]["held_out_photographs"].keys() == {"before", "after"}
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert [r["stage"] for r in rows] == ["before", "held-out", "after"]
    computed = {p: p.stat().st_mtime_ns for p in (out / "features").rglob("*.npy")}
    assert computed
    args.run(args)
    assert {p: p.stat().st_mtime_ns for p in (out / "features").rglob("*.npy")} == computed, "features are computed once"
    again = load_manifest(out / "bundle")
    assert again["files"]["image.onnx"] == manifest["files"]["image.onnx"], "equal seeds give equal bundles"
    args.seed = 1
    with pytest.raises(SystemExit, match="other photographs or settings"):
        args.run(args)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--bundle", "nowhere"], "no bundle there"),
        (["--bundle", str(DEFAULT), "--arch", "ViT-B-32"], "--bundle is the starting point"),
        (["--bundle", str(DEFAULT.parent.parent / "test" / "fixtures" / "clipn-tiny")], "can't be fine-tuned"),
        ([], "give --checkpoint and --arch, or --bundle"),
    ],
)
def test_unsuitable_data_and_bundles_are_refused_with_the_reason(more: list[str], reason: str, tmp_path: Path) -> None:
    args = parser().parse_args(["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), *more])
    with pytest.raises(SystemExit, match=reason):
        args.run(args)
