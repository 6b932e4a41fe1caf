"""``make-default`` in one command, from folders of photographs and two wheels to a verified and measured bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_photographs

from clipn_models.__main__ import parser
from clipn_models.bundle import load_manifest
from clipn_models.default import ablate, cache, features, make, measure, minilm, plan, texts
from clipn_models.default.stage_one import Preset as FirstPreset
from clipn_models.default.stage_two import Preset as SecondPreset


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pictures, texts and steps. The steps themselves are unchanged."""
    first = FirstPreset(steps=3, batch=32, captioned=8, nouns=20)
    second = SecondPreset(steps=3, folds=2, classes=12, photographs=2, general=2, made=4)
    for module in (make, ablate):
        monkeypatch.setattr(module, "FirstPreset", lambda: first)
        monkeypatch.setattr(module, "SecondPreset", lambda: second)
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
    monkeypatch.setattr(measure, "STRANGE", 2)
    monkeypatch.setattr(measure, "TENANTS", 2)
    for view in list(cache.TREATMENTS)[1:]:
        monkeypatch.delitem(cache.TREATMENTS, view)


def test_one_command_goes_from_an_empty_work_folder_to_a_measured_bundle(tmp_path: Path, small: None, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_photographs.write(tmp_path / "photographs")
    tiny_photographs.wheels(tmp_path / "wheels")
    inputs = ["--photographs", str(tmp_path / "photographs"), "--work", str(tmp_path / "work"), "--wheels", str(tmp_path / "wheels")]
    args = parser().parse_args(["make-default", *inputs, "--out", str(tmp_path / "bundle")])
    args.run(args)
    manifest = load_manifest(tmp_path / "bundle")
    assert manifest["evaluation"]["fp32"]["photographs"] > 50
    assert set(manifest["evaluation"]) == {"command", "fp32", *manifest.get("precisions", {})}
    assert {"image.onnx", "text-yes.onnx", "text-no.onnx", "golden.json", "tokenizer.json"} <= set(manifest["files"])
    capsys.readouterr()
    for step in ("prepare", "train-default"):  # continues from the folder of work
        args = parser().parse_args([step, *inputs])
        args.run(args)
    again = capsys.readouterr().out
    assert "14 of 14 parts are there already" in again
    assert "heads.pt is there already" in again
