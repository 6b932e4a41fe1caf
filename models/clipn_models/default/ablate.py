"""The effect of each part of the recipe, on the classes set apart for choices, from the features that training keeps."""

from __future__ import annotations

from dataclasses import replace

from . import ablate_tuning, thumbnails
from .ablation import Ablation
from .make import Work
from .stage_one import Preset as FirstPreset
from .stage_one import StageOne
from .stage_two import Preset as SecondPreset
from .stage_two import encode, folds


def run(work: Work, fine_tuning: bool = False, log=print) -> dict[str, dict]:
    """Figures of each variant by name. ``fine_tuning``: also of the fine-tuned tail, whose activations take 2 GB of ``work``."""
    a = Ablation(work, log)
    first, second = FirstPreset(), SecondPreset()
    out = {"no training (ConSE)": a.measure(a.seen.conse, None, None)}
    head = StageOne(a.data, first).run()
    for name, trained in (("stage one", head), ("stage one without captions", StageOne(a.data, replace(first, caption_weight=0.0)).run())):
        out[name] = a.measure(encode(trained, a.seen.z, a.seen.conse), None, None)
    parts = folds(a.data, first, second.folds, log=log)
    variants = {
        "stage two, the paper's losses alone": replace(second, membership=0.0, pairs=1.0),
        "stage two, without cross-fitting": replace(second, seen=1.0),
        "stage two, without made pictures": replace(second, made=0),
        "stage two": second,
    }
    for name, preset in variants.items():
        out[name] = a.stage_two(a.seen, head, a.data, parts, preset)
        log(name)
    out["stage two, corrected for thumbnails (the default)"] = thumbnails.shipped(a, work, log)
    return out | (ablate_tuning.run(a, work, head, parts, log=log) if fine_tuning else {})


def report(results: dict[str, dict]) -> str:
    lines = ["| | top-1 | AUROC CTW | ATD | MaxLogit | MCM | CTW kept / caught | other kinds caught |", "|---|---|---|---|---|---|---|---|"]
    for name, r in results.items():
        auroc = [f"{100 * r['scores'][s]['auroc']:.1f}" if r["no_side"] or s in ("max_logit", "mcm") else "" for s in ("ctw", "atd", "max_logit", "mcm")]
        rule = r["decisions"]["ctw"]
        kept = f"{100 * rule['id_accepted']:.1f} / {100 * rule['ood_rejected']:.1f}" if r["no_side"] else ""
        far = "" if r["strange"] is None else f"{100 * r['strange']:.1f}"
        lines.append(f"| {name} | {100 * r['top1']:.1f} | {' | '.join(auroc)} | {kept} | {far} |")
    return "\n".join(lines)
