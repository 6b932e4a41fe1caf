"""``make-default`` in one command, from folders of photographs and two wheels to a verified and measured bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import tiny_photographs
import torch

from clipn_models.__main__ import parser
from clipn_models.bundle import load_manifest
from clipn_models.default import ablate, ablate_tuning, ablation, augment, cache, features, make, measure, minilm, plan, texts, thumbnails, towers
from clipn_models.default.stage_one import Preset as FirstPreset
from clipn_models.default.stage_two import Preset as SecondPreset
from clipn_models.default.tuning import TuningPreset

CORRECTIONS = ["four directions of the pairs' differences left out", "limits moved", "features moved back", "features moved back, limits moved"]


def shallow(create=timm.create_model):
    """Makes EfficientNet-Lite with one block of each kind: the first block of every stage, and one with a residual connection."""

    def model(name: str, **options: object) -> torch.nn.Module:
        lite = create(name, **options)
        for number, stage in enumerate(lite.blocks):
            del stage[2 if number == 1 else 1 :]
        return lite

    return model


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Few pictures, texts and steps, and a small image tower: exports and inference take most of the time. The steps themselves are unchanged."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(timm, "create_model", shallow())
    monkeypatch.setattr(towers, "SIZE", 96)
    first = FirstPreset(steps=3, batch=32, captioned=8, nouns=20)
    second = SecondPreset(steps=3, folds=2, classes=12, photographs=2, general=2, made=4)
    for module in (make, ablate):
        monkeypatch.setattr(module, "FirstPreset", lambda: first)
        monkeypatch.setattr(module, "SecondPreset", lambda: second)
    monkeypatch.setattr(ablate_tuning, "Preset", lambda: first)
    monkeypatch.setattr(ablate_tuning, "SecondPreset", lambda: second)
    monkeypatch.setattr(ablate_tuning, "TuningPreset", lambda: TuningPreset(steps=2, batch=8, captioned=4))
    monkeypatch.setattr(make, "MADE", 8)
    monkeypatch.setattr(make, "MADE_PART", 4)
    monkeypatch.setattr(texts, "NOUNS", 40)
    for module in (texts, features):
        monkeypatch.setattr(module, "TEMPLATES", texts.TEMPLATES[:1])
    for part in plan.PER_CLASS:
        monkeypatch.setitem(plan.PER_CLASS, part, 4)
    for draw in plan.HELD_OUT:
        monkeypatch.setitem(plan.HELD_OUT, draw, 1)
    monkeypatch.setattr(minilm, "LAYERS", 1)
    for module in (measure, make):
        monkeypatch.setattr(module, "STRANGE", 2)
    for module in (measure, ablation):
        monkeypatch.setattr(module, "TENANTS", 2)
    for view in list(cache.TREATMENTS)[1:]:
        monkeypatch.delitem(cache.TREATMENTS, view)
    yield
    monkeypatch.undo()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, small: None) -> list[str]:
    """Options of a run from photographs and wheels in an empty folder of work, which has ended."""
    root = tmp_path_factory.mktemp("default")
    tiny_photographs.write(root / "photographs")
    tiny_photographs.wheels(root / "wheels")
    options = ["--photographs", str(root / "photographs"), "--work", str(root / "work"), "--wheels", str(root / "wheels")]
    command("make-default", *options, "--out", str(root / "bundle"))
    return options


def command(*words: str) -> None:
    args = parser().parse_args(words)
    args.run(args)


def test_one_command_goes_from_an_empty_work_folder_to_a_measured_bundle(inputs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    manifest = load_manifest(Path(inputs[3]).parent / "bundle")
    assert manifest["evaluation"]["fp32"]["photographs"] > 50
    assert set(manifest["evaluation"]) == {"command", "fp32", *manifest.get("precisions", {})}
    assert {"image.onnx", "text-yes.onnx", "text-no.onnx", "golden.json", "tokenizer.json"} <= set(manifest["files"])
    for step in ("prepare", "train-default"):
        command(step, *inputs)
    again = capsys.readouterr().out
    assert "14 of 14 parts are there already" in again
    assert "heads.pt is there already" in again
    assert "thumbnails.pt is there already" in again


def test_every_row_of_the_ablation_comes_from_one_command(inputs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    command("ablate-default", "--fine-tuning", *inputs)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| stage two, last blocks fine-tuned") for row in rows)
    assert all(row.split(" | ")[-1].rstrip(" |") for row in rows if row.startswith("| stage two"))
    assert len(rows) == 1 + 8 + 7


def test_corrections_for_thumbnails_are_measured_on_every_treatment(inputs: list[str], capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setitem(cache.TREATMENTS, thumbnails.WORST, lambda image: augment.compressed(augment.thumbnail(image, 64), 75))
    command("ablate-default", "--thumbnails", *inputs)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[1:]] == ["| as it is", *(f"| {name}" for name in CORRECTIONS)]
    assert all(len(row) == 10 and "/" in row[5] for row in rows[1:])


def test_moves_of_treated_photographs_have_standard_errors(inputs: list[str], capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setitem(cache.TREATMENTS, "thumb64", lambda image: augment.thumbnail(image, 64))
    command("evaluate", str(Path(inputs[3]).parent / "bundle"), *inputs)
    rows = {line.split(" | ")[0]: line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")}
    assert rows["| centre"][3] == ""
    for column in (3, 5):
        assert re.fullmatch(r"[+-]\d+\.\d ± \d+\.\d / [+-]\d+\.\d ± \d+\.\d( \|)?", rows["| thumb64"][column])
