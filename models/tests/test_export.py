from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from official import answers, images, make, save

from clipn_models import __main__ as command
from clipn_models import bundle, graphs, tokenizer
from clipn_models.model import CLIPN
from clipn_models.templates import read_templates

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
ARCHS = {
    "vit": {"embed_dim": 128, "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}, "text_cfg": TEXT},
    "vit-quick": {
        "embed_dim": 64,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": TEXT,
    },
    # the width of "vit", so that the export of its text tower serves here too
    "resnet": {"embed_dim": 128, "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}, "text_cfg": TEXT},
}


@pytest.fixture(scope="session")
def archs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("archs")
    for name, config in ARCHS.items():
        (root / f"{name}.json").write_text(json.dumps(config))
    return {name: str(root / f"{name}.json") for name in ARCHS}


def run(monkeypatch: pytest.MonkeyPatch, *args: object) -> None:
    monkeypatch.setattr(sys, "argv", ["clipn_models", "export", *map(str, args)])
    command.main()


def onnx_features(path: Path, part: str, value: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path / f"{part}.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["features"], {session.get_inputs()[0].name: value})[0]


def compare(path: Path, model: CLIPN, tolerance: float) -> float:
    """Largest difference of the bundle's ONNX files from the original model, images and texts of both towers."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, model.image_size, model.image_size, 3), dtype=np.uint8)
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - torch.tensor(graphs.MEAN).view(3, 1, 1)) / torch.tensor(graphs.STD).view(3, 1, 1)
    tokens = tokenizer.encode(tokenizer.load(path / "tokenizer.json"), ["a photo of a dog.", "cafÃ©", "x " * 100], 77)
    with torch.no_grad():
        worst = np.abs(onnx_features(path, "image", pixels) - F.normalize(model.encode_image(x), dim=-1).numpy()).max()
        for tower in ("yes", "no"):
            want = F.normalize(model.text_features(tokens, tower), dim=-1).numpy()
            worst = max(worst, np.abs(onnx_features(path, f"text-{tower}", tokens.numpy()) - want).max())
    assert worst <= tolerance
    return float(worst)


@pytest.fixture(scope="module")
def exported(archs: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[CLIPN, Path]]:
    """A learnable model of an architecture, its checkpoint and the bundle beside it, made once: an export takes seconds."""
    made: dict[str, tuple[CLIPN, Path]] = {}

    def of(arch: str) -> tuple[CLIPN, Path]:
        if arch not in made:
            folder = tmp_path_factory.mktemp(arch)
            model = make(archs[arch], True, 1)
            save(model, folder / "epoch_10.pt")
            options = ("--arch", archs[arch], "--out", folder / "bundle", "--templates", "simple", "--licence", "MIT")
            with pytest.MonkeyPatch.context() as patch:
                run(patch, "--checkpoint", folder / "epoch_10.pt", *options)
            made[arch] = model, folder / "bundle"
        return made[arch]

    return of


@pytest.mark.parametrize("arch", ARCHS)
def test_an_exported_learnable_checkpoint_computes_the_same(
    tmp_path: Path, archs: dict[str, str], arch: str, exported: Callable[[str], tuple[CLIPN, Path]]
) -> None:
    model, out = exported(arch)
    compare(out, model, 5e-6)
    manifest = bundle.load_manifest(out)
    assert manifest["name"] == "bundle"
    assert manifest["licence"] == "MIT"
    assert manifest["text"] == {"context_length": 77, "tokenizer": "tokenizer.json", "pad_id": 0, "vocabulary": None, "clean": "clip"}
    assert manifest["provenance"]["variant"] == "learnable"
    assert manifest["provenance"]["architecture"] == arch
    assert manifest["provenance"]["checkpoint"].startswith("epoch_10.pt, sha256 ")
    assert manifest["templates"]["no"] is None
    assert manifest["templates"]["yes"][0] == "itap of a {}."
    # to the bit, and without the caller's configuration file
    Path(archs[arch]).rename(tmp_path / "gone.json")
    try:
        parts, original = bundle.TorchBundle(out).parts, graphs.graphs(model, "single")
    finally:
        (tmp_path / "gone.json").rename(archs[arch])
    for name, part in parts.items():
        assert all(torch.equal(a, b) for a, b in zip(part.parameters(), original[name].parameters(), strict=True)), name


def test_the_hand_crafted_variant_needs_paired_prompts(
    tmp_path: Path, archs: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    model = make(archs["vit"], False, 2)
    save(model, tmp_path / "c.pt")
    (tmp_path / "yes.txt").write_bytes(b"'a photo of a {}.',\r\n\r\n 'art of the {}.' \r\n")
    (tmp_path / "no.txt").write_bytes(b"'a photo without a {}.',\n'art of no {}.'")
    base = ("--checkpoint", tmp_path / "c.pt", "--arch", archs["vit"], "--out", tmp_path / "b", "--templates", tmp_path / "yes.txt")
    with pytest.raises(SystemExit, match="hand-crafted variant has prompts of its own"):
        run(monkeypatch, *base)
    (tmp_path / "one.txt").write_text("no {}\n")
    with pytest.raises(SystemExit, match="2 templates and 1 templates for the no encoder"):
        run(monkeypatch, *base, "--templates-no", tmp_path / "one.txt")
    assert not (tmp_path / "b").exists()
    run(monkeypatch, *base, "--templates-no", tmp_path / "no.txt", "--version", "2.0.0", "--training-data", "A", "--training-data", "B")
    compare(tmp_path / "b", model, 5e-6)
    manifest = bundle.load_manifest(tmp_path / "b")
    assert manifest["templates"] == {"yes": ["'a photo of a {}.',", " 'art of the {}.' "], "no": ["'a photo without a {}.',", "'art of no {}.'"]}
    assert manifest["provenance"]["variant"] == "hand-crafted"
    assert manifest["provenance"]["training_data"] == ["A", "B"]
    assert manifest["version"] == "2.0.0"


def test_half_precision_storage_is_smaller_and_not_exact(
    tmp_path: Path, archs: dict[str, str], exported: Callable[[str], tuple[CLIPN, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, single = exported("vit")
    half = tmp_path / "half"
    run(monkeypatch, "--checkpoint", single.parent / "epoch_10.pt", "--arch", archs["vit"], "--out", half, "--storage", "half")
    sizes = {}
    for storage, out in (("single", single), ("half", half)):
        sizes[storage] = (out / "text-no.onnx").stat().st_size
        worst = compare(out, model, 5e-2)
        assert (worst < 5e-6) == (storage == "single")
    assert sizes["half"] < 0.6 * sizes["single"]


class Payload:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_bad_checkpoints_are_refused_and_leave_nothing(tmp_path: Path, archs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(archs["vit"], True, 1)
    save(model, tmp_path / "good.pt")
    mark = tmp_path / "executed"
    torch.save({"state_dict": model.state_dict(), "scaler": Payload(mark)}, tmp_path / "malicious.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:100_000])
    torch.save({k: v for k, v in model.state_dict().items() if "_no" not in k}, tmp_path / "clip.pt")
    model.start_no_from_yes()
    save(model, tmp_path / "untrained.pt")
    for name, arch, reason in (
        ("malicious.pt", "vit", r"malicious\.pt: carries code \(.*mkdir\) and was not loaded"),
        ("cut.pt", "vit", r"cut\.pt: is no PyTorch checkpoint, or was cut or damaged"),
        ("clip.pt", "vit", r"(?s)missing: ln_final_no\.bias.*transformer_no\.resblocks\.\{0-1\}"),
        ("good.pt", "vit-quick", r"wrong shape, \[64, 128\] instead of \[64, 64\]: text_projection, text_projection_no, visual\.proj"),
        ("untrained.pt", "vit", "equals its initialisation"),
        ("missing.pt", "vit", "no such file"),
    ):
        with pytest.raises(SystemExit, match=reason):
            run(monkeypatch, "--checkpoint", tmp_path / name, "--arch", archs[arch], "--out", tmp_path / "b")
        assert not (tmp_path / "b").exists(), name
    assert not mark.exists()


def test_unsuitable_models_are_refused_before_any_work(tmp_path: Path, archs: dict[str, str], monkeypatch: pytest.MonkeyPatch, mini_arch: str) -> None:
    save(make(archs["vit"], True, 1), tmp_path / "c.pt")
    base = ("--checkpoint", tmp_path / "c.pt", "--out", tmp_path / "b")
    for arguments, reason in (
        (("--arch", "no-such-arch"), "unknown architecture 'no-such-arch'"),
        (("--arch", "roberta-ViT-B-32"), "text tower of open_clip's own kind"),
        (("--arch", mini_arch), "vocabulary of 700, CLIP's has 49408"),
        (("--arch", archs["vit"], "--name", "No Name"), "name 'No Name'"),
        (("--arch", archs["vit"], "--version", "one"), "version 'one'"),
        (("--arch", archs["vit"], "--templates", "nowhere.txt"), "neither a file nor one of the lists"),
    ):
        with pytest.raises(SystemExit, match=reason):
            run(monkeypatch, *base, *arguments)
    assert not (tmp_path / "b").exists()


def test_a_graph_larger_than_a_file_is_refused(archs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(archs["vit"], True, 1)
    monkeypatch.setattr(graphs, "LARGEST", 10_000_000)
    with pytest.raises(ValueError, match=r"weights of text-yes take .* GiB, a graph can hold at most"):
        graphs.graphs(model, "single")
    graphs.graphs(model, "half")


def test_random_weights_give_different_inputs_different_features(tmp_path: Path, archs: dict[str, str]) -> None:
    """The comparisons above could not fail if every input had the same feature."""
    from PIL import Image

    model = make(archs["vit"], True, 1)
    files = []
    for i, picture in enumerate(images(48, 8)):
        pixels = ((picture * torch.tensor(graphs.STD).view(3, 1, 1) + torch.tensor(graphs.MEAN).view(3, 1, 1)) * 255).clamp(0, 255)
        files.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(pixels.permute(1, 2, 0).numpy().astype(np.uint8)).save(files[-1])
    classes = ["dog", "cat", "school bus", "sea", "violin", "umbrella", "stop sign", "forest"]
    templates = read_templates("simple")
    found = answers(model, classes, templates, templates, files)
    p, p_no = np.array([a["p"] for a in found]), np.array([a["p_no"] for a in found])
    assert len({a["index"] for a in found}) > 1
    assert p.std() > 0.05
    assert ((p_no > 0.1) & (p_no < 0.9)).mean() > 0.1
    assert {a["ood"]["ctw"] for a in found} == {True, False}
