"""Additions of ``train`` to the paper: imagined tenants, held-out figures, checkpoints of epochs, class folders, the hand-crafted variant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made_pairs import COLOURS, Made, encoded, picture

from clipn_models.__main__ import parser
from clipn_models.checkpoint import read_state
from clipn_models.losses import imagined_tenants, membership_loss, tenant_loss


def run(made: Made, out: Path, *more: str, data: Path | None = None) -> list[dict]:
    args = parser().parse_args(made.command(out, *more, data=data))
    args.run(args)
    return [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("folders"), np.random.default_rng(0)
    for colour in COLOURS:
        (root / colour).mkdir()
        for i in range(12):
            (root / colour / f"{i}.png").write_bytes(encoded(picture(colour, rng), "PNG"))
    return root


def test_class_folders_with_imagined_tenants_learn_to_gate_classes_never_seen(made: Made, folders: Path, tmp_path: Path) -> None:
    more = ("--batch", "24", "--epochs", "20", "--lr", "2e-3", "--membership", "1", "--clip", "1", "--hold-out", "0.5")
    rows = run(made, tmp_path, *more, data=folders)
    held = [r for r in rows if r["stage"] == "held-out"]
    assert [r["epoch"] for r in held] == list(range(21)), "before training and after each epoch"
    assert all({"top1", "auroc", "kept", "caught"} <= r.keys() for r in held)
    assert held[-1]["auroc"] > held[0]["auroc"] + 0.3, "captions not used in any step are separated"
    steps = [r for r in rows if r["stage"] == "train"]
    assert steps[-1]["membership"] < steps[0]["membership"]
    assert sorted(p.name for p in (tmp_path / "epochs").iterdir()) == ["epoch_17.pt", "epoch_18.pt", "epoch_19.pt"]
    assert torch.load(tmp_path / "epochs" / "epoch_18.pt", weights_only=True)["epoch"] == 18
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_the_hand_crafted_variant_reads_captions_in_the_no_template(made: Made, tmp_path: Path) -> None:
    brief = ("--batch", "32", "--epochs", "1", "--lr", "2e-3")
    run(made, tmp_path / "a", *brief, "--no-template", "a photo without {}")
    run(made, tmp_path / "b", *brief, "--no-template", "no {}")
    a, b = (read_state(tmp_path / name / "epoch_1.pt") for name in "ab")
    assert "prompt_no" not in a
    assert not torch.equal(a["text_projection_no"], b["text_projection_no"])
    assert torch.equal(a["text_projection"], b["text_projection"])
    with pytest.raises(SystemExit, match="exactly one"):
        run(made, tmp_path / "c", *brief, "--no-template", "nothing")


def test_clipping_bounds_the_change_of_a_step(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    clip = torch.nn.utils.clip_grad_norm_

    def noting(parameters, most: float) -> torch.Tensor:
        kept = list(parameters)
        before = clip(kept, most)
        norms.append(float(torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in kept]))))
        return before

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", noting)
    run(made, tmp_path, "--batch", "32", "--epochs", "1", "--clip", "0.01")
    assert norms
    assert max(norms) <= 0.0101


def test_a_tenants_loss_is_the_two_rules_and_none_where_all_images_are_of_one_kind() -> None:
    g = torch.Generator().manual_seed(0)
    cos_yes, cos_no = torch.rand(6, 3, generator=g) * 0.3, torch.rand(6, 3, generator=g) * 0.3
    relation = torch.zeros(6, 3, dtype=torch.int8)
    relation[torch.arange(6), torch.tensor([0, 0, 1, 1, 2, 2])] = 1
    registered = torch.tensor([True, True, False])
    x = 100 * (cos_no - cos_yes)
    winner = x[torch.arange(6), (cos_yes * registered).argmax(-1)]
    ctw = 0.5 * (torch.log1p(winner[:4].exp()).mean() + torch.log1p((-winner[4:]).exp()).mean())
    members = membership_loss(cos_yes, cos_no, 100.0, relation, registered)
    assert members is not None
    assert tenant_loss(cos_yes, cos_no, 100.0, relation, registered) == pytest.approx(float(members + ctw), rel=1e-5)
    assert tenant_loss(cos_yes, cos_no, 100.0, relation, torch.ones(3, dtype=torch.bool)) is None
    nothing = imagined_tenants(cos_yes, cos_no.requires_grad_(), 100.0, torch.ones_like(relation), np.random.default_rng(0))
    nothing.backward()
    assert nothing.item() == 0
    assert not cos_no.grad.any()
