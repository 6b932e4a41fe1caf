from __future__ import annotations

import numpy as np

from clipn_models.figures import gate_figures, in_words


def features(marks: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Eight classes on axes of their own; the no feature of each is away from its class (``marks`` 0) or like it (1)."""
    yes = np.eye(9)[:8]
    label = np.repeat(np.arange(8), 5)
    image = yes[label] * 0.8 + np.eye(9)[8] * 0.6
    no = np.tile(np.eye(9)[8], (8, 1)) * 0.5 + yes * marks * np.sqrt(0.75)
    return image, label, yes, no


def test_a_perfect_gate_keeps_and_catches_everything() -> None:
    figures = gate_figures(*features(0.0))
    assert figures == {"top1": 1.0, "auroc": 1.0, "kept": 1.0, "caught": 1.0}
    assert "kept 100.0 %" in in_words(figures)


def test_a_rule_that_refuses_everything_keeps_nothing() -> None:
    figures = gate_figures(*features(1.0))
    assert figures["kept"] == 0.0
    assert figures["caught"] == 1.0


def test_there_are_no_figures_of_one_class() -> None:
    image, _, yes, no = features(0.0)
    assert gate_figures(image[:5], np.zeros(5, int), yes[:1], no[:1]) == {}
    assert "no figures" in in_words({})
