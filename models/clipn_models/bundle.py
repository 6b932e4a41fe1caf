"""Reads and writes bundles: bundle.json, three graphs, the tokenizer and the golden file (contracts in ``graphs``)."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from . import tokenizer as bpe
from .families import family_graphs
from .graphs import ImageGraph, TextGraph, export, features_of, fold_batch_norm, graphs, load_parameters
from .model import CLIPN, LOGIT_SCALE, arch_config, build
from .patches import patch_count
from .shared_weights import WEIGHTS, share
from .transform import MEAN, STD
from .verdicts import class_features, verdict

FORMAT = 1
FILES = ("image.onnx", "text-yes.onnx", "text-no.onnx", "tokenizer.json", "golden.json")
PARTS = ("image", "text-yes", "text-no")
PRECISIONS = ("fp16", "int8")
"""Precisions that a bundle may have besides its base precision; see ``optimise``."""
TOLERANCE = 1e-4
"""Largest difference of a feature from PyTorch's that counts as the same: a hundred times the difference between runtimes."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pack(array: np.ndarray) -> dict:
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def unpack(value: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(value["data"]), value["dtype"]).reshape(value["shape"])


def golden_pixels(size: int) -> np.ndarray:
    """uint8 [4, S, S, 3], synthetic: black, gradients, a checkerboard, noise."""
    y, x = np.mgrid[0:size, 0:size]
    gradients = np.stack([x * 255 // size, y * 255 // size, (x + y) * 255 // (2 * size)], -1)
    board = np.repeat((((x // 8 + y // 8) % 2) * 255)[..., None], 3, -1)
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3))
    return np.stack([np.zeros((size, size, 3)), gradients, board, noise]).astype(np.uint8)


GOLDEN_TEXTS = (
    "a photo of a dog.",
    "a picture of a school bus.",
    "dog",
    "a",
    "Überfall 12,5 — 犬 🐕 'quoted'",
    "a small photo of a very " + "very " * 40 + "long name.",
)
CLEAN_TEXTS = (
    "cafÃ© &amp; crÃ¨me brÃ»lÃ©e &eacute; &amp;lt;b&amp;gt; &NTILDE;",
    "‘Ｆｕｌｌ　ｗｉｄｔｈ’ “quotes” \u00a0\u2003 ﬁne…  ΟΔΟΣ İSTANBUL it's THEY'LL",
    "â€œmixedâ€\x9d ĂˇrvĂ­ztĹ±rĹ‘ РїСЂРёРІРµС‚ 犬 ðŸ•",
)
"""Additional golden texts for tokenizers with their own clean-up."""
GOLDEN_CLASSES = ("dog", "cat", "school bus", "sunflower", "violin")


def golden(parts: dict[str, nn.Module], tok: Tokenizer | bpe.CleanTokenizer, size: int, context_length: int, templates: dict) -> dict:
    """Inputs and PyTorch's outputs."""
    pixels = golden_pixels(size)
    golden_texts = GOLDEN_TEXTS + (CLEAN_TEXTS if isinstance(tok, bpe.CleanTokenizer) else ())
    rows = [bpe.encode(tok, [text], context_length)[0].tolist() for text in golden_texts]
    with torch.no_grad():
        features = features_of(parts["image"](torch.from_numpy(pixels))).numpy()
        texts = {tower: np.concatenate([parts[f"text-{tower}"](torch.tensor([row])).numpy() for row in rows]) for tower in ("yes", "no")}
        yes = class_features(parts["text-yes"], tok, list(GOLDEN_CLASSES), templates["yes"], context_length)
        no = class_features(parts["text-no"], tok, list(GOLDEN_CLASSES), templates["no"] or templates["yes"], context_length)
    answers = [verdict(f.astype(np.float64) @ yes.T, f.astype(np.float64) @ no.T, LOGIT_SCALE) for f in features]
    return {
        "format": FORMAT,
        "tolerance": TOLERANCE,
        "image": {"pixels": pack(pixels), "features": pack(features)},
        "text": {"texts": list(golden_texts), "tokens": rows, "yes": pack(texts["yes"]), "no": pack(texts["no"])},
        "verdict": {
            "classes": list(GOLDEN_CLASSES),
            "templates": templates["yes"],
            "p": pack(np.float32([a["p"] for a in answers])),
            "p_no": pack(np.float32([a["p_no"] for a in answers])),
            "p_ood": pack(np.float32([a["p_ood"] for a in answers])),
        },
    }


def write(
    model: CLIPN,
    tokenizer: Path,
    out: Path,
    *,
    storage: str = "half",
    mirrored: bool = False,
    patches: bool = False,
    **about,
) -> dict:
    """Exports ``model`` as a bundle in ``out`` (made, or its files replaced) and returns the manifest.

    ``storage``: "half" rounds the weights to half precision, "single" keeps them to the bit. Both compute in single precision.
    ``mirrored``, ``patches``: see ``graphs.ImageGraph``; noted in the provenance and in ``image``. ``about``: see ``write_parts``.
    """
    if mirrored:
        about["provenance"] = {**about["provenance"], "mirrored": True}
    return write_parts(
        graphs(model, storage, mirrored, patches),
        tokenizer,
        out,
        image_size=model.image_size,
        context_length=model.context_length,
        embedding_dim=model.embed_dim,
        storage=storage,
        **about,
    )


def write_parts(
    parts: dict[str, nn.Module],
    tokenizer: Path,
    out: Path,
    *,
    name: str,
    version: str,
    licence: str,
    provenance: dict,
    templates: dict,
    vocabulary: list[str] | None,
    evaluation: dict,
    image_size: int,
    context_length: int,
    embedding_dim: int,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    storage: str = "half",
    shared: bool = False,
) -> dict:
    """Exports the three graphs ``parts`` ("image", "text-yes", "text-no") as a bundle in ``out`` and returns the manifest.

    ``parts`` compute on the CPU, in eval mode; with ``storage`` "half" their large parameters have been rounded
    (``graphs.round_weights``). ``mean`` and ``std`` are written to the manifest; the image graph applies its own. ``shared``: tensors that
    both text graphs have are kept once, in ``text.weights``.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "bundle.json").unlink(missing_ok=True)  # of an older bundle: it describes other files
    (out / WEIGHTS).unlink(missing_ok=True)
    for part, graph in parts.items():
        export(part, graph, out / f"{part}.onnx", image_size, storage, context_length)
    kept_once = shared and share(out) > 0
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    tok, clean = bpe.load(tokenizer), bpe.clean_rule(tokenizer)
    (out / "golden.json").write_text(json.dumps(golden(parts, tok, image_size, context_length, templates)) + "\n")
    files = (*FILES, WEIGHTS) if kept_once else FILES
    patches = patch_count(parts["image"].visual, image_size) if getattr(parts["image"], "patches", False) else None
    text = {"context_length": context_length, "tokenizer": "tokenizer.json", "pad_id": 0, "vocabulary": vocabulary}
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "provenance": provenance,
        "image": image_entry(image_size, mean, std, patches),
        "text": text | ({"clean": clean} if clean else {}),
        "embedding_dim": embedding_dim,
        "logit_scale": LOGIT_SCALE,
        "templates": templates,
        "precision": "fp32",
        "files": {f: file_entry(out / f) for f in files},
        "evaluation": evaluation,
    }
    save_manifest(out, manifest)
    return manifest


def image_entry(size: int, mean: tuple[float, ...], std: tuple[float, ...], patches: int | None) -> dict:
    """The manifest's description of the image input. ``patches``: how many features of patches the graph gives, None without them."""
    entry = {
        "size": size,
        "resize": "shorter-side-bicubic-antialias",
        "crop": "centre",
        "mean": list(mean),
        "std": list(std),
        "layout": "NHWC",
        "dtype": "uint8",
    }
    return entry if patches is None else entry | {"patches": patches}


def file_entry(path: Path) -> dict:
    """The manifest's entry for a file."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def save_manifest(out: Path, manifest: dict) -> None:
    """Writes the manifest last: a directory without one is not a bundle."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    words = manifest["text"]["vocabulary"]
    if words:  # one line, because the list has thousands of words
        text = text.replace(json.dumps(words, indent=2, ensure_ascii=False).replace("\n", "\n    "), json.dumps(words, ensure_ascii=False))
    temporary = out / "bundle.json.tmp"
    temporary.write_text(text + "\n")
    temporary.rename(out / "bundle.json")


def graph_file(part: str, precision: str) -> str:
    """The only name that a graph of an extra precision may have."""
    return f"{part}.{precision}.onnx"


def graph_files(manifest: dict, precision: str) -> dict[str, str]:
    """Part -> file of a precision; parts that it does not replace are the base's. Raises ValueError if the bundle lacks it."""
    base = {part: f"{part}.onnx" for part in PARTS}
    if precision == manifest["precision"]:
        return base
    extra = manifest.get("precisions", {})
    if precision not in extra:
        raise ValueError(f"the bundle has no {precision}: it offers {', '.join([manifest['precision'], *extra])}")
    return base | {part: graph_file(part, precision) for part in extra[precision]["graphs"]}


def load_manifest(path: Path) -> dict:
    manifest = json.loads((path / "bundle.json").read_text())
    if manifest.get("format") != FORMAT:
        raise ValueError(f"{path}: bundle format {manifest.get('format')!r} is not {FORMAT}")
    return manifest


class TorchBundle:
    """A bundle's weights in PyTorch: an independent check of the outputs of the graphs."""

    def __init__(self, path: Path):
        self.path = path
        self.manifest = load_manifest(path)
        provenance = self.manifest["provenance"]
        self.parts = family_graphs(provenance["architecture"], path) or _clip_graphs(provenance, "patches" in self.manifest["image"])
        for name, part in self.parts.items():
            part.eval().requires_grad_(False)
            load_parameters(path / f"{name}.onnx", part)
        self.tokenizer = bpe.load(path / "tokenizer.json")
        self.context_length = self.manifest["text"]["context_length"]
        embedding = getattr(self.parts["text-yes"], "embedding", None)
        self.vocabulary_size: int = embedding.num_embeddings if embedding is not None else self.tokenizer.get_vocab_size(with_added_tokens=False)

    @torch.no_grad()
    def image(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> float32 [N, D]."""
        return features_of(self.parts["image"](torch.from_numpy(pixels))).numpy()

    @torch.no_grad()
    def patches(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> float32 [N, P, D], of a bundle that has features of patches."""
        return self.parts["image"](torch.from_numpy(pixels))[1].numpy()

    def classes(self, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Yes and no features of class names in the default templates, float64 [C, D] each."""
        yes, no = self.manifest["templates"]["yes"], self.manifest["templates"]["no"]
        with torch.no_grad():
            return (
                class_features(self.parts["text-yes"], self.tokenizer, names, yes, self.context_length),
                class_features(self.parts["text-no"], self.tokenizer, names, no or yes, self.context_length),
            )


def _clip_graphs(provenance: dict, patches: bool) -> dict[str, nn.Module]:
    config = provenance.get("configuration") or arch_config(provenance["architecture"])
    model = build(config, learnable_prompt=provenance["variant"] == "learnable").eval()
    fold_batch_norm(model.visual)
    image = ImageGraph(model.visual, provenance.get("mirrored", False), patches)
    return {"image": image, "text-yes": TextGraph(model, "yes"), "text-no": TextGraph(model, "no")}


def resolve(name: str) -> Path:
    """A path, or the name of a bundle next to this package."""
    path = Path(name)
    return path if (path / "bundle.json").exists() else Path(__file__).parent.parent / name
