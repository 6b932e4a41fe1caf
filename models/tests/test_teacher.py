from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from clipn_models import teacher_torch
from clipn_models.batches import TEACHER_SCALE, Source, held_out, paste, set_apart


def program() -> list[dict]:
    """A stride that pads to the right only, a depthwise layer, a sum, the mean: every kind of step that the teacher has."""
    g = torch.Generator().manual_seed(0)
    first, depth, last = (torch.randn(*s, generator=g) for s in ((4, 3, 3, 3), (4, 1, 3, 3), (1001, 4, 1, 1)))
    plain = {"stride": 1, "groups": 1, "relu6": False}
    return [
        {"kind": "QUANTIZE", "in": 0, "out": 1},
        {**plain, "kind": "CONV_2D", "in": 1, "out": 2, "weight": first, "bias": torch.ones(4), "stride": 2, "relu6": True},
        {**plain, "kind": "DEPTHWISE_CONV_2D", "in": 2, "out": 3, "weight": depth, "bias": torch.zeros(4), "groups": 4},
        {"kind": "ADD", "in": 3, "out": 4, "other": 2},
        {"kind": "MEAN", "in": 4, "out": 5},
        {**plain, "kind": "CONV_2D", "in": 5, "out": 6, "weight": last, "bias": torch.zeros(1001)},
    ]


def test_the_teacher_computes_what_its_operators_say() -> None:
    steps = program()
    pixels = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    x = F.relu6(F.conv2d(F.pad(pixels * 2 - 1, (0, 1, 0, 1)), steps[1]["weight"], steps[1]["bias"], 2))
    x = x + F.conv2d(x, steps[2]["weight"], padding=1, groups=4)
    want = F.conv2d(x.mean((2, 3), keepdim=True), steps[5]["weight"]).flatten(1)
    got = teacher_torch.TorchTeacher(steps, torch.device("cpu"))(pixels)
    assert torch.allclose(got, want, atol=1e-5)


def test_soft_labels_are_kept_as_the_trainer_reads_them(tiny_packs: Path, tmp_path: Path) -> None:
    for file in tiny_packs.glob("cifar-train.*"):
        (tmp_path / file.name).symlink_to(file)
    teacher_torch.label(tmp_path, "cifar-train", program(), views=2, seed=0, device=torch.device("cpu"), batch=64)
    source = Source(tmp_path, "cifar-train")
    kept = torch.from_numpy(np.array(source.teacher[:3, 1])).float() * TEACHER_SCALE
    crops = teacher_torch.crop(torch.from_numpy(np.array(source.pixels[:3])), torch.from_numpy(source.boxes[:3, 1]), teacher_torch.SIDE)
    logits = teacher_torch.TorchTeacher(program(), torch.device("cpu"))(crops)
    low, high = (TEACHER_SCALE * (limit - teacher_torch.ZERO_POINT) for limit in (-128, 127))
    assert (kept - TEACHER_SCALE * teacher_torch.ZERO_POINT - logits.clamp(low, high)).abs().max() <= 0.51 * TEACHER_SCALE


def test_what_is_set_apart_is_in_no_other_part(tiny_packs: Path) -> None:
    assert not (set_apart(1000) & held_out(1000)).any()
    assert set_apart(1000).sum() == 50
    source = Source(tiny_packs, "cifar-train", apart=True)
    assert not set_apart(len(source.pack))[source.usable].any()
    assert len(Source(tiny_packs, "cifar-train").usable) > len(source.usable)


def test_a_pasted_piece_is_the_partners_and_the_share_is_what_is_left() -> None:
    pixels = torch.stack([torch.full((3, 20, 20), float(i)) for i in range(4)])
    partner = np.array([1, 2, 3, 0])
    for seed in range(20):
        mixed, own = paste(pixels, partner, np.random.default_rng(seed))
        for i in range(4):
            assert abs((mixed[i] == i).float().mean().item() - own) < 1e-6
            assert set(mixed[i].unique().tolist()) <= {float(i), float(partner[i])}
