"""The NumPy reading of the scores with negative labels, against sums that are written out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import make_negatives_golden
import numpy as np

from clipn_models import negatives
from clipn_models.default import negatives as study
from clipn_models.default.measure import Held


def test_neglabel_is_the_mean_share_of_the_classes_over_groups_of_equal_size():
    rng = np.random.default_rng(0)
    cos, negative = rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (3, 11))
    expected = []
    for c, n in zip(cos, negative, strict=True):
        groups = [n[:9][[0, 3, 6]], n[:9][[1, 4, 7]], n[:9][[2, 5, 8]]]
        expected.append(np.mean([np.exp(5 * c).sum() / (np.exp(5 * c).sum() + np.exp(5 * g).sum()) for g in groups]))
    assert np.allclose(negatives.neg_label(cos, negative, 5, 3), expected, atol=1e-12)
    assert np.allclose(negatives.neg_label(cos, negative[:, :2], 5, 100), negatives.neg_label(cos, negative[:, :2], 5, 2))


def test_logit_gap_and_gl_mcm_follow_their_formulas():
    cos = np.array([[0.1, 0.4, 0.2]])
    assert np.isclose(negatives.logit_gap(cos, 100)[0], 40 - 15)
    assert np.isclose(negatives.logit_gap(cos, 100, 1)[0], 40 - 20)
    assert negatives.logit_gap(cos[:, :1], 100)[0] == 10
    patches = np.array([[[0.1, 0.4, 0.2], [0.0, 1.0, 0.0]]])
    first, second = (np.exp(v.max()) / np.exp(v).sum() for v in (cos[0], patches[0, 1]))
    assert np.isclose(negatives.gl_mcm(cos, patches)[0], first + 0.5 * second)


def test_mining_takes_the_same_share_of_every_part_and_nothing_excluded():
    close = np.array([0.5, 0.1, 0.1, 0.3, 0.9, 0.2])
    assert negatives.mine(close, [(0, 4), (4, 6)], 3).tolist() == [1, 2, 5]
    assert negatives.mine(close, [(0, 4), (4, 6)], 3, frozenset({1, 5})).tolist() == [2, 3, 4]
    assert negatives.mine(close, [(0, 4), (4, 6)], 99).tolist() == [1, 2, 3, 0, 5, 4]
    words, classes = np.eye(2), np.array([[1.0, 0.0], [0.6, 0.8]])
    assert np.allclose(negatives.closeness(words, classes, 0.5), [0.8, 0.4])
    assert np.allclose(negatives.closeness(words, classes, 0.5, 0.9), [1, 0.4])


def test_this_reading_gives_the_golden_file_of_the_service():
    golden = json.loads((Path(__file__).parents[2] / "test/fixtures/negatives.json").read_text())
    for ours, theirs in zip(make_negatives_golden.cases(0), golden, strict=True):
        assert json.loads(json.dumps(ours["input"])) == theirs["input"]
        for name, value in ours["output"].items():
            assert np.allclose(value, theirs["output"][name], atol=1e-12), name


class MadeWords:
    parts: ClassVar = {"nouns": (0, 30), "adjectives": (30, 40), "pool": (40, 50)}

    def related(self, name: str) -> frozenset[int]:
        return frozenset({int(name)})


def made_study(monkeypatch) -> study.Study:
    """Photographs near the yes feature of their class; words elsewhere, and one that is the class itself."""
    rng = np.random.default_rng(1)
    yes = make_negatives_golden.unit(rng, 6, 16)
    label = np.repeat(np.arange(6), 8)
    image = yes[label] + 0.1 * rng.standard_normal((48, 16))
    held = Held(image / np.linalg.norm(image, axis=-1, keepdims=True), label, [str(i) for i in range(6)], np.array(["a"] * 6), yes, -yes)
    words = make_negatives_golden.unit(rng, 50, 16).astype(np.float32)
    words[:6] = yes
    measure = SimpleNamespace(held=lambda draw: held, strange=lambda: {"text": words[30:36].astype(np.float64)}, scale=20)
    monkeypatch.setattr(study, "word_features", lambda *_: words)
    return study.Study(measure, MadeWords(), "choice")


def test_the_study_never_mines_a_related_word_and_reports_every_rule_and_score(monkeypatch):
    made = made_study(monkeypatch)
    kept = np.array([1, 4])
    mined = made.mined(kept, ("nouns", "adjectives"))
    assert set(mined) == set(range(40)) - {1, 4}
    assert len(made.mined(kept, ("nouns", "adjectives"), labels=10)) == 10
    judged = made.judged(made.held.image, kept)
    few, many = (made.judged(made.held.image, kept, labels, groups=1)["neglabel"] for labels in (10, 38))
    assert few.mean() > many.mean()
    even = negatives.neg_label(made.held.image @ made.held.yes[kept].T, made.held.image @ made.rows[mined].T.astype(np.float64), 20, 100, even=True)
    assert np.allclose(judged["combined"], judged["ctw"] * even, atol=1e-5)
    inside = np.isin(made.held.label, kept)
    assert not judged["reject_neglabel"][inside].any()
    assert judged["neglabel"][inside].min() > judged["neglabel"][~inside].mean()
    text = study.report(made.figures(2))
    for name in (*study.RULES, *study.SCORES):
        assert f"| {name} |" in text
    assert "of 20" in text
