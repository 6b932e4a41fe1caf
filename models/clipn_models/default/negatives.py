"""Rules and scores with negative labels on the default model: classes never seen, and pictures of other kinds.

Everything was chosen on the draw ``choice``; the draw ``test`` is for the published table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import negatives
from ..evaluate import RULES as CLIPN_RULES
from ..evaluate import SCORES as CLIPN_SCORES
from ..evaluate import auroc, fpr95, mean, scores
from ..words.wordlist import WordList
from .measure import TENANTS, Held, Measure

ADJECTIVE = "This is a {} photo"
LABELS, QUANTILE, GROUPS, LIMIT = 10_000, 0.95, 100, 0.95
RULES = (*CLIPN_RULES, "neglabel", "csp", "combined")
SCORES = (*CLIPN_SCORES, "logit_gap", "neglabel", "csp", "combined")
COMBINED_WITH = "neglabel"
BATCH = 256


def word_features(measure: Measure, words: WordList) -> np.ndarray:
    """Unit float32 [W, D] of nouns, adjectives and pool, kept in the folder of the bundle's features."""
    name = f"words.{measure.bundle.manifest['files']['text-yes.onnx']['sha256'][:12]}.{words.about['sha256'][:12]}.npy"
    path = Path(measure.folder.parent) / name
    if not path.exists():
        own = measure.bundle.manifest["templates"]["yes"]
        parts = ((words.nouns, own), (words.adjectives, [ADJECTIVE]), (words.pool, own))
        np.save(path, np.concatenate([_encode(measure, texts, templates) for texts, templates in parts]))
    return np.load(path)


def _encode(measure: Measure, texts: list[str], templates: list[str]) -> np.ndarray:
    """In batches of similar length."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    parts = [measure.bundle.texts([texts[i] for i in order[at : at + BATCH]], "yes", templates) for at in range(0, len(order), BATCH)]
    out = np.concatenate(parts).astype(np.float32)
    out[order] = out.copy()
    return out


class Study:
    """The rules and scores of tenants of one draw."""

    def __init__(self, measure: Measure, words: WordList, draw: str):
        self.held: Held = measure.held(draw)
        self.far = np.concatenate(list(measure.strange().values()))
        self.scale, self.words = measure.scale, words
        self.rows = word_features(measure, words)
        self.related = [words.related(name) for name in self.held.names]
        # once for all tenants
        self.close = self.rows @ self.held.yes.T.astype(np.float32)

    def mined(self, kept: np.ndarray, parts: tuple[str, ...], labels: int = LABELS, limit: float | None = None) -> np.ndarray:
        """Words of the tenant with the classes ``kept``, ``labels`` at most."""
        excluded = frozenset().union(*(self.related[c] for c in kept))
        cos = self.close[:, kept]
        close = np.quantile(cos, QUANTILE, axis=-1)
        if limit is not None:
            close = np.where(cos.max(-1) > limit, 1, close)
        return negatives.mine(close, [self.words.parts[p] for p in parts], labels, excluded)

    def judged(self, image: np.ndarray, kept: np.ndarray, labels: int = LABELS, groups: int = GROUPS) -> dict[str, np.ndarray]:
        """All scores and ``reject_RULE`` of image features."""
        yes = self.held.yes[kept]
        out = scores(image, yes, self.held.no[kept], self.scale)
        cos = image @ yes.T
        out["logit_gap"] = negatives.logit_gap(cos, self.scale)
        for name, parts, limit in (("neglabel", ("nouns", "adjectives"), None), ("csp", ("nouns", "pool"), LIMIT)):
            rows = self.rows[self.mined(kept, parts, labels, limit)].T
            negative = (image.astype(np.float32) @ rows).astype(np.float64)
            out[name] = negatives.neg_label(cos, negative, self.scale, groups)
            if name == COMBINED_WITH:
                out["combined"] = negatives.combined(out["ctw"], negatives.neg_label(cos, negative, self.scale, groups, even=True))
        return {**out, **{f"reject_{rule}": out[rule] < 0.5 for rule in RULES[len(CLIPN_RULES) :]}}

    def figures(self, size: int = 10, labels: int = LABELS, groups: int = GROUPS) -> dict:
        """Means over seeded tenants of ``size`` classes: against the other classes of the draw, and against pictures of other kinds."""
        results = []
        for seed in range(TENANTS):
            kept = np.sort(np.random.default_rng([9, seed]).permutation(len(self.held.names))[:size])
            inside = np.isin(self.held.label, kept)
            own, others, kinds = (self.judged(image, kept, labels, groups) for image in (self.held.image[inside], self.held.image[~inside], self.far))
            apart = {"other classes": others, "other kinds": kinds}
            results.append({against: compared(own, out) for against, out in apart.items()})
        return {against: {**mean([r[against] for r in results]), "ahead": ahead([r[against]["rules"] for r in results])} for against in results[0]}


def compared(inside: dict[str, np.ndarray], outside: dict[str, np.ndarray]) -> dict:
    rules = {}
    for rule in RULES:
        kept, caught = 1 - float(inside[f"reject_{rule}"].mean()), float(outside[f"reject_{rule}"].mean())
        rules[rule] = {"kept": kept, "caught": caught, "balanced": (kept + caught) / 2}
    return {"rules": rules, "scores": {s: {"auroc": auroc(inside[s], outside[s]), "fpr95": fpr95(inside[s], outside[s])} for s in SCORES}}


def ahead(rules: list[dict]) -> dict[str, dict[str, float]]:
    """The combined rule's balanced accuracy less that of each other rule: mean over tenants, its standard error, tenants in which it is higher."""
    out = {}
    for rule in RULES[:-1]:
        more = np.array([r["combined"]["balanced"] - r[rule]["balanced"] for r in rules])
        out[rule] = {"mean": float(more.mean()), "error": float(more.std(ddof=1) / np.sqrt(len(more))), "higher": int((more > 0).sum())}
    return out


def report(result: dict) -> str:
    """Markdown: a table of rules and one of scores."""
    lines = ["| rule | kept | " + " | ".join(f"{a}: caught | balanced" for a in result) + " |", "|---|---|" + "---|---|" * len(result)]
    for rule in RULES:
        cells = [f"{100 * r['rules'][rule][x]:.1f}" for r in result.values() for x in ("caught", "balanced")]
        kept = next(iter(result.values()))["rules"][rule]["kept"]
        lines.append(f"| {rule} | {100 * kept:.1f} | " + " | ".join(cells) + " |")
    lines += ["", "| score | " + " | ".join(f"{a}: AUROC | FPR95" for a in result) + " |", "|---|" + "---|---|" * len(result)]
    for score in SCORES:
        lines.append(f"| {score} | " + " | ".join(f"{100 * r['scores'][score][x]:.1f}" for r in result.values() for x in ("auroc", "fpr95")) + " |")
    lines += ["", "| combined against | " + " | ".join(f"{a}: points | higher in tenants" for a in result) + " |", "|---|" + "---|---|" * len(result)]
    for rule in RULES[:-1]:
        more = [r["ahead"][rule] for r in result.values()]
        cells = [f"{100 * m['mean']:+.1f} ± {100 * m['error']:.1f} | {m['higher']} of {TENANTS}" for m in more]
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
