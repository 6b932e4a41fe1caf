from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clipn_models import train_no
from clipn_models.batches import Source, centre, held_out
from clipn_models.captions import NameBank, vocabulary
from clipn_models.lexicon import ClassNames, relation
from clipn_models.made import made
from clipn_models.packs import load_pack
from clipn_models.train_clip import ClipPreset, Trainer, class_features, load_classes, normalise
from clipn_models.train_no import NoPreset, NoTrainer


def preset(arch: str, steps: int) -> ClipPreset:
    return replace(
        ClipPreset(),
        arch=arch,
        steps=steps,
        named=(("cifar-train", 32),),
        captioned=8,
        resolutions=((0.0, 16), (0.5, 32)),
        warmup=5,
        teacher_weight=0.0,
        lr=3e-3,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_packs: Path, mini_arch: str) -> tuple[Path, Trainer]:
    out = tmp_path_factory.mktemp("clip")
    trainer = Trainer(tiny_packs, None, out, preset(mini_arch, 150), seed=0)
    trainer.run(checkpoint=1000)
    return out, trainer


def accuracy(trainer: Trainer, packs: Path) -> float:
    pack = load_pack(packs, "cifar-test")
    model = trainer.model.eval()
    with torch.no_grad():
        image = F.normalize(model.encode_image(normalise(centre(pack.pixels, 32))), dim=-1)
    text = class_features(model, trainer.tokenizer, pack.classes, ["a photo of a {}."], "yes")
    return float(((image @ text.T).argmax(-1).numpy() == pack.labels).mean())


def test_stage_one_learns_names(trained: tuple[Path, Trainer], tiny_packs: Path) -> None:
    assert accuracy(trained[1], tiny_packs) > 0.9


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, tiny_packs: Path, mini_arch: str) -> None:
    whole = Trainer(tiny_packs, None, tmp_path / "a", preset(mini_arch, 8), seed=3)
    losses = [whole.one_step() for _ in range(8)]
    first = Trainer(tiny_packs, None, tmp_path / "b", preset(mini_arch, 8), seed=3)
    for _ in range(4):
        first.one_step()
    first.save()
    second = Trainer(tiny_packs, None, tmp_path / "b", preset(mini_arch, 8), seed=3)
    assert second.resume()
    for want in losses[4:]:
        assert float(second.one_step()["names"]) == pytest.approx(float(want["names"]), rel=1e-3)


def test_a_finished_run_settles_its_statistics_once(trained: tuple[Path, Trainer], tiny_packs: Path, mini_arch: str) -> None:
    """Batch norms then hold the statistics of whole photographs, and going on with a finished run changes nothing."""
    out, trainer = trained
    assert trainer.settled
    stem = copy.deepcopy(trainer.model.visual.trunk.stem).eval()
    pixels = normalise(centre(load_pack(tiny_packs, "cifar-train").pixels, 32))
    with torch.no_grad():
        convolved = stem[0](pixels)
    assert stem[1].running_mean == pytest.approx(convolved.mean(dim=(0, 2, 3)), abs=0.05 * float(convolved.std()))
    again = Trainer(tiny_packs, None, out, preset(mini_arch, 150), seed=0)
    assert again.resume()
    again.run()
    kept = torch.load(out / "clip.pt", weights_only=False)["state_dict"]
    assert all(torch.equal(value, kept[name]) for name, value in trainer.model.state_dict().items())


def test_the_same_seed_gives_the_same_model(tmp_path: Path, tiny_packs: Path, mini_arch: str) -> None:
    runs = []
    for name in "ab":
        trainer = Trainer(tiny_packs, None, tmp_path / name, preset(mini_arch, 8), seed=5)
        runs.append([float(trainer.one_step()["names"]) for _ in range(5)])
    assert runs[0] == pytest.approx(runs[1], rel=1e-4)


def test_stage_two_teaches_no_and_touches_nothing_else(
    trained: tuple[Path, Trainer], tiny_packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_no, "MADE", 500)
    trainer = trained[1]
    model = copy.deepcopy(trainer.model)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    classes, offsets = load_classes(tiny_packs, ["cifar-train"], None)
    steps = replace(NoPreset(), steps=250, named=(("cifar-train", 64),), captioned=8, made=32, views=1, lr=2e-3)
    no = NoTrainer(model, trainer.tokenizer, classes, offsets, tiny_packs, tmp_path, steps, seed=0)
    no.run()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(k.split(".")[0].endswith("_no") for k in changed)

    pack = load_pack(tiny_packs, "cifar-test")
    with torch.no_grad():
        image = F.normalize(model.encode_image(normalise(centre(pack.pixels, 32))), dim=-1)
    yes, no_features = (class_features(model, trainer.tokenizer, pack.classes, ["a photo of a {}."], t) for t in ("yes", "no"))
    p_no = torch.sigmoid(100 * image @ (no_features - yes).T).numpy()
    own = np.eye(4, dtype=bool)[pack.labels]
    assert (p_no[own] < 0.5).mean() > 0.9, "an image of the class is not 'not the class'"
    assert (p_no[~own] > 0.5).mean() > 0.9
    shapeless = torch.from_numpy(made(200, 64, pack.pixels, seed=9)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        image = F.normalize(model.encode_image(normalise(F.interpolate(shapeless, size=32, mode="bilinear"))), dim=-1)
    refused = (torch.sigmoid(100 * image @ (no_features - yes).T) > 0.5).float().mean()
    assert refused > 0.8, "what shows nothing shows no class"


def test_held_out_photographs_are_never_drawn(tiny_packs: Path) -> None:
    source = Source(tiny_packs, "cifar-train")
    rng = np.random.default_rng(0)
    seen = np.concatenate([source.indices(100, rng) for _ in range(8)])
    assert held_out(400).sum() == 8
    assert not held_out(400)[seen].any()
    assert len(set(seen.tolist())) == 392


def names(key: str, *own: str, hypernyms: tuple[str, ...] = ()) -> ClassNames:
    return ClassNames("d", key, list(own), list(hypernyms))


def test_relations_of_names() -> None:
    lab, dog, chair = names("1", "Labrador", hypernyms=("dog",)), names("2", "dog"), names("3", "chair")
    assert relation("Labrador", lab, lab) == 1
    assert relation("dog", dog, lab) == 1
    assert relation("Labrador", lab, dog) == -1
    assert relation("chair", chair, lab) == 0
    bank = NameBank([lab, dog, chair])
    picked, table = bank.draw(np.random.default_rng(0))
    assert picked == ["Labrador", "dog", "chair"]
    assert table.tolist() == [[1, -1, 0], [1, 1, 0], [0, 0, 1]]
    assert bank.hypernyms == ["dog"]


def test_vocabulary_is_what_was_seen() -> None:
    words = vocabulary([names("1", "golden retriever", hypernyms=("dog",))], [["a man on a bike"] * 5, ["a rare word"]], minimum=5)
    assert {"golden", "retriever", "dog", "photo", "man", "bike"} <= set(words)
    assert "rare" not in words
