"""The larger preset of the default, on the CPU and in miniature: the same path that an accelerator takes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clipn_models import train_clip, train_no
from clipn_models.__main__ import parser
from clipn_models.batches import TEACHER_SCALE, Source, crop
from clipn_models.model import arch_config, build
from clipn_models.train_clip import ClipPreset, Trainer


def test_a_resident_split_draws_what_one_on_disk_draws(tiny_packs: Path, tmp_path: Path) -> None:
    for file in tiny_packs.glob("cifar-train.*"):
        (tmp_path / file.name).symlink_to(file)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "cifar-train.boxes.npy", Source(tiny_packs, "cifar-train", views=2).boxes)
    np.save(tmp_path / "cifar-train.teacher.npy", rng.integers(-128, 128, (400, 2, 1001)).astype(np.int8))
    disk = Source(tmp_path, "cifar-train", 7).batch(20, 24, np.random.default_rng(3))
    memory = Source(tmp_path, "cifar-train", 7, resident=torch.device("cpu")).batch(20, 24, np.random.default_rng(3))
    assert torch.equal(disk.pixels, memory.pixels)
    assert np.array_equal(disk.labels, memory.labels)
    assert disk.teacher is not None
    assert torch.equal(disk.teacher, memory.teacher)
    assert disk.teacher.abs().max() <= 128 * TEACHER_SCALE


def test_a_resident_run_is_the_same_run(tiny_packs: Path, mini_arch: str, tmp_path: Path) -> None:
    small = replace(train_clip.PRESETS["gpu"], arch=mini_arch, steps=3, named=(("cifar-train", 16),), captioned=4, resolutions=((0.0, 16),), warmup=2)
    assert small.resident
    losses = []
    for resident in (True, False):
        trainer = Trainer(tiny_packs, None, tmp_path / str(resident), replace(small, resident=resident), seed=0)
        trainer.run(every=1)
        losses.append((tmp_path / str(resident) / "clip.jsonl").read_text().split('"images_per_s"')[0])
    assert losses[0] == losses[1]


def test_the_larger_bundle_fits_in_thirty_megabytes() -> None:
    model = build(arch_config(train_clip.PRESETS["gpu"].arch))
    assert model.image_size == 64
    text = sum(p.numel() for p in model.no_parameters().values()) - model.prompt_no.numel()
    image = sum(p.numel() for p in model.visual.parameters())
    others = 1_000_000  # graph structure, tokenizer, golden file, manifest
    assert 2 * (image + 2 * text) + others < 30_000_000
    assert model.encode_image(torch.zeros(1, 3, 64, 64)).shape == (1, 256)


def test_the_default_stays_what_it_was() -> None:
    assert train_clip.PRESETS["cpu"] == ClipPreset()
    assert train_no.PRESETS["cpu"] == train_no.NoPreset()
    default = build(arch_config("clipn-tiny"))
    names = list(default.visual.state_dict())
    assert names[0] == "trunk.stem.0.weight"
    assert "trunk.stages.2.2.body.1.1.running_var" in names
    assert sum(p.numel() for p in default.visual.parameters()) == 4_444_672


def test_another_architecture_in_the_same_directory_is_refused(tiny_packs: Path, mini_arch: str, tmp_path: Path) -> None:
    small = replace(ClipPreset(), arch=mini_arch, steps=1, named=(("cifar-train", 8),), captioned=0, resolutions=((0.0, 16),), teacher_weight=0.0)
    trainer = Trainer(tiny_packs, None, tmp_path, small, seed=0)
    trainer.save()
    trainer.preset = replace(small, arch="clipn-small")
    with pytest.raises(ValueError, match="give it a directory of its own"):
        trainer.resume()


@pytest.mark.parametrize("command", ["prepare", "train-default", "export-default", "quantise-default", "evaluate", "ablate-default", "make-default"])
def test_commands_of_the_default_take_photographs_and_a_work_folder(command: str) -> None:
    args: argparse.Namespace = parser().parse_args([command, "--photographs", "p", "--work", "w"])
    assert (str(args.photographs), str(args.work), args.wheels, args.workers) == ("p", "w", None, 2)
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--work", "w"])


def test_crops_are_made_where_the_photographs_are() -> None:
    images = torch.randint(0, 256, (2, 20, 20, 3), dtype=torch.uint8)
    whole = torch.tensor([[0, 0, 1, 1, 0], [0, 0, 1, 1, 1]], dtype=torch.float32)
    got = crop(images, whole, 20)
    want = images.permute(0, 3, 1, 2).float() / 255
    assert torch.allclose(got[0], want[0], atol=1e-5)
    assert torch.allclose(got[1], want[1].flip(-1), atol=1e-5)
