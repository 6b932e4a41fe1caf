"""What a bundle is worth: accuracy and out-of-distribution detection, measured on its ONNX files and on no training image.

Near OOD: ``splits`` seeded halves of Tiny-ImageNet's 200 classes, one half's names registered, all validation photographs
asked. Note what that means: the other half's photographs come from classes that training has seen under their own names.
Far OOD: handwritten digits (scikit-learn's), which training has never seen in any form, and folders of photographs that the caller names.
Small tenants: see ``small_tenants``.
FPR95 in both conventions: of CLIPN and MCM (share of OOD accepted where 95 % of ID is) and of OpenOOD (share of ID rejected
where 95 % of OOD is).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.metrics import roc_auc_score, roc_curve

from . import lexicon
from . import tokenizer as bpe
from .batches import centre
from .bundle import graph_files, load_manifest
from .packs import load_pack
from .quality import photographs
from .small_tenants import RULES, small_tenants, unseen, unseen_names

SCORES = ("ctw", "atd", "msp", "max_logit", "energy", "mcm")


class OnnxBundle:
    """A bundle as ONNX Runtime sees it: what is measured is what is shipped."""

    def __init__(self, path: Path, precision: str | None = None):
        self.manifest = load_manifest(path)
        files = graph_files(self.manifest, precision or self.manifest["precision"])
        self.session = {part: onnxruntime.InferenceSession(str(path / file), providers=["CPUExecutionProvider"]) for part, file in files.items()}
        self.tokenizer = bpe.load(path / "tokenizer.json")

    def images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S', S', 3] squares -> float64 [N, D]; other sizes than the model's are resampled (bicubic, antialiased)."""
        size, out = self.manifest["image"]["size"], []
        for at in range(0, len(pixels), 250):
            part = np.ascontiguousarray(pixels[at : at + 250])
            if part.shape[1] != size:
                part = (centre(part, size) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
            out.append(self.session["image"].run(None, {"pixels": part})[0])
        return np.concatenate(out).astype(np.float64)

    def classes(self, names: list[str], tower: str) -> np.ndarray:
        """Unit float64 [C, D] in the default templates."""
        templates = self.manifest["templates"]
        total = 0
        for template in (templates["no"] or templates["yes"]) if tower == "no" else templates["yes"]:
            tokens = bpe.encode(self.tokenizer, [template.replace("{}", n) for n in names], self.manifest["text"]["context_length"])
            f = self.session[f"text-{tower}"].run(None, {"tokens": tokens.numpy()})[0].astype(np.float64)
            total = total + f / np.linalg.norm(f, axis=-1, keepdims=True)
        return total / np.linalg.norm(total, axis=-1, keepdims=True)


def scores(image: np.ndarray, yes: np.ndarray, no: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """All scores (higher: in-distribution) and decisions (True: rejected) of image features [N, D]. Float64."""
    cos = image @ yes.T
    logits = scale * cos
    top = logits.max(-1, keepdims=True)
    e = np.exp(logits - top)
    p = e / e.sum(-1, keepdims=True)
    p_no = 1 / (1 + np.exp(-np.clip(scale * (image @ no.T - cos), -700, 700)))
    best = p.argmax(-1)
    rows = np.arange(len(p))
    p_ood = (p_no * p).sum(-1)
    mcm = np.exp(cos - cos.max(-1, keepdims=True))
    return {
        "ctw": 1 - p_no[rows, best],
        "atd": 1 - p_ood,
        "msp": p.max(-1),
        "max_logit": top[:, 0],
        "energy": top[:, 0] + np.log(e.sum(-1)),
        "mcm": 1 / mcm.sum(-1),
        "index": best,
        "reject_ctw": p_no[rows, best] > 0.5,
        "reject_atd": p_ood > p.max(-1),
        "reject_atd_rescaled": p_ood > ((1 - p_no) * p).max(-1),
    }


def fpr95(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of ``negative`` at or above the score that 95 % of ``positive`` reach, the ROC interpolated linearly."""
    labels = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    fpr, tpr, _ = roc_curve(labels, np.r_[positive, negative])
    return float(np.interp(0.95, tpr, fpr))


def fpr95_id_rejected(inside: np.ndarray, outside: np.ndarray) -> float:
    """Share of ``inside`` rejected at the first threshold that rejects 95 % of ``outside``: OpenOOD's and pytorch-ood's FPR95, nothing interpolated."""
    labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    # the whole curve: without its collinear points the first one past the level would be another
    rejected, caught, _ = roc_curve(labels, -np.r_[inside, outside], drop_intermediate=False)
    return float(rejected[np.argmax(caught >= 0.95)])


def compare(inside: dict[str, np.ndarray], outside: dict[str, np.ndarray]) -> dict:
    """AUROC and FPR95 of every score, and what the rules did without any threshold."""
    labels = np.r_[np.ones(len(inside["ctw"])), np.zeros(len(outside["ctw"]))]
    out = {
        s: {
            "auroc": float(roc_auc_score(labels, np.r_[inside[s], outside[s]])),
            "fpr95_ood_accepted": fpr95(inside[s], outside[s]),
            "fpr95_id_rejected": fpr95_id_rejected(inside[s], outside[s]),
        }
        for s in SCORES
    }
    rules = {rule: {"id_accepted": float(1 - inside[f"reject_{rule}"].mean()), "ood_rejected": float(outside[f"reject_{rule}"].mean())} for rule in RULES}
    return {"scores": out, "decisions": rules}


def mean(results: list) -> dict:
    first = results[0]
    return {k: mean([r[k] for r in results]) for k in first} if isinstance(first, dict) else round(float(np.mean(results)), 4)


def digits() -> np.ndarray:
    """uint8 [1797, 64, 64, 3]: scikit-learn's 8x8 handwritten digits, enlarged."""
    from sklearn.datasets import load_digits

    small = (load_digits().images / 16 * 255).astype(np.uint8)
    return np.repeat(np.repeat(np.repeat(small, 8, 1), 8, 2)[..., None], 3, -1)


def evaluate(path: Path, packs: Path, words: Path, far: tuple[Path, ...] = (), splits: int = 5, log=print) -> dict:
    bundle = OnnxBundle(path)
    scale = bundle.manifest["logit_scale"]
    table = dict(line.split("\t") for line in words.read_text().splitlines())
    result: dict = {"zero_shot_top1": {}}
    features = {}
    for split, dataset in (("tiny-val", "tiny-imagenet"), ("cifar-test", "cifar100"), ("caltech-test", "caltech101")):
        pack = load_pack(packs, split)
        classes = lexicon.load(dataset, pack.classes, table if dataset == "tiny-imagenet" else None)
        names = [c.names[0] for c in classes]
        image, yes, no = bundle.images(pack.pixels), bundle.classes(names, "yes"), bundle.classes(names, "no")
        features[split] = (image, pack.labels, yes, no)
        result["zero_shot_top1"][f"{split} ({len(names)} classes)"] = round(float(((image @ yes.T).argmax(-1) == pack.labels).mean()), 4)
        log(split, result["zero_shot_top1"])

    image, labels, yes, no = features["tiny-val"]
    size = bundle.manifest["image"]["size"]
    outside = {"digits": bundle.images(digits())} | {f"{d.name} (photographs)": bundle.images(photographs(d, size, limit=None).pixels) for d in far}
    near_results, far_results, accuracy = [], {name: [] for name in outside}, []
    for seed in range(splits):
        kept = np.sort(np.random.default_rng(seed).permutation(len(yes))[: len(yes) // 2])
        inside = np.isin(labels, kept)
        s_in = scores(image[inside], yes[kept], no[kept], scale)
        accuracy.append(float((kept[s_in["index"]] == labels[inside]).mean()))
        near_results.append(compare(s_in, scores(image[~inside], yes[kept], no[kept], scale)))
        for name, features_ in outside.items():
            far_results[name].append(compare(s_in, scores(features_, yes[kept], no[kept], scale)))
    result["top1_among_100"] = round(float(np.mean(accuracy)), 4)
    result["ood"] = {f"tiny-val, 100 classes against the other 100, mean of {splits} splits": mean(near_results)}
    result["ood"] |= {f"tiny-val, 100 classes against {name}, mean of {splits} splits": mean(r) for name, r in far_results.items()}
    result["small_tenants"] = {f"{n} of 200 classes": small_tenants(scores, image, labels, yes, no, scale, n) for n in (1, 3, 10)}
    strange = unseen_names(bundle.manifest["text"]["vocabulary"])
    if strange:
        result["unseen_names"] = unseen(scores, image, bundle.classes(strange, "yes"), bundle.classes(strange, "no"), scale)
    return result


def report(result: dict) -> str:
    """The figures as text."""
    lines = [f"zero-shot top-1, {k}: {100 * v:.1f} %" for k, v in result["zero_shot_top1"].items()]
    for name, r in result["ood"].items():
        lines += ["", name, f"{'score':<10} AUROC   FPR95: OOD accepted   ID rejected"]
        lines += [
            f"{s:<10} {100 * v['auroc']:5.1f}   {100 * v['fpr95_ood_accepted']:19.1f}   {100 * v['fpr95_id_rejected']:11.1f}" for s, v in r["scores"].items()
        ]
        lines += [
            f"{rule:<14} keeps {100 * v['id_accepted']:.1f} % of ID, rejects {100 * v['ood_rejected']:.1f} % of OOD" for rule, v in r["decisions"].items()
        ]
    for name, r in result["small_tenants"].items():
        kept = ", ".join(f"{rule} keeps {100 * d['id_accepted']:.1f} % and rejects {100 * d['ood_rejected']:.1f} %" for rule, d in r["decisions"].items())
        lines += ["", f"tenants of {name}: AUROC ctw {100 * r['auroc']['ctw']:.1f}, atd {100 * r['auroc']['atd']:.1f}; {kept}"]
    if "unseen_names" in result:
        r = result["unseen_names"]
        rejected = ", ".join(f"{rule} {100 * v:.1f} %" for rule, v in r["ood_rejected"].items())
        lines += ["", f"a tenant of {r['classes']} names never learned: rejected of photographs of other things {rejected}"]
    return "\n".join(lines)
