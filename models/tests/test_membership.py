"""The demonstration of the loss of imagined tenants: the CLIP of a bundle, pairs, two short runs and their table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_photographs
import torch

from clipn_models.__main__ import parser
from clipn_models.bundle import TorchBundle
from clipn_models.default import measure, plan, sources
from clipn_models.finetune import membership
from clipn_models.pretrained import load
from clipn_models.transform import normalise


def test_the_checkpoint_has_the_features_of_the_bundle(tmp_path: Path) -> None:
    torch.save({"state_dict": membership.clip_of(membership.BUNDLE)}, tmp_path / "clip.pt")
    model, continues = load(tmp_path / "clip.pt", "clipn-tiny")
    assert not continues
    parts = TorchBundle(membership.BUNDLE).parts
    parts["image"].mirrored = False
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8))
    tokens = torch.tensor([[3070, 5, 6, 7, 3071], [3070, 9, 3071, 0, 0]])
    with torch.no_grad():
        image = model.encode_image(normalise(pixels.permute(0, 3, 1, 2).float() / 255), normalize=True)
        assert float((image - parts["image"](pixels)).abs().max()) < 1e-6
        assert float((model.encode_text(tokens, normalize=True) - parts["text-yes"](tokens)).abs().max()) < 1e-6


def test_every_run_and_every_setting_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_photographs.write(tmp_path / "photographs")
    monkeypatch.setitem(plan.HELD_OUT, "choice", 1)
    monkeypatch.setattr(measure, "TENANTS", 2)
    monkeypatch.setattr(membership, "KNOWN_SIZES", (2,))

    def command(*words: object) -> None:
        args = parser().parse_args([str(w) for w in words])
        args.run(args)

    monkeypatch.setattr(membership, "command", command)
    places = ["--photographs", str(tmp_path / "photographs"), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["membership", *places, "--seeds", "0", "--epochs", "1", "--workers", "1"])
    membership.main()
    out = capsys.readouterr().out
    assert "8 photographs, 16 pairs" in out
    tables = [part for part in out.split("\n\n") if part.startswith(membership.HEAD)]
    assert len(tables) == 2
    for table in tables:
        rows = [line.split(" | ") for line in table.splitlines()[2:]]
        assert [row[0] for row in rows] == ["| weight 0, seed 0", "| weight 1, seed 0"]
        # one CLIP: top-1 and MCM do not depend on the no tower
        assert rows[0][1] == rows[1][1]
        assert rows[0][2].split(" / ")[2] == rows[1][2].split(" / ")[2]
    losses = [(tmp_path / "out" / f"membership-{w}-seed-0" / "train.jsonl").read_text() for w in (0, 1)]
    assert ["membership" in text for text in losses] == [False, True]


def test_classes_that_the_clip_was_trained_on_are_not_new(tmp_path: Path) -> None:
    known = sources.PhotoSet("tiny-train", [sources.Category(("elephant",))])
    held = measure.Held(np.eye(3), np.arange(3), ["African elephant", "rye bread", "zebra"], np.array(["mini", "food", "caltech-train"]), np.eye(3), np.eye(3))
    others = {name: sources.PhotoSet(name) for name in membership.TRAINED_ON[1:]}
    made = type("Made", (), {"held": lambda _, draw: held, "sets": {"tiny-train": known, **others}})()
    assert membership.new_classes(made).names == ["rye bread"]
