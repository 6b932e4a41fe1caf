from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_models import random_model
from torch import nn

from clipn_models import graphs
from tests import export_templates
from tests.export_templates import Exporter, real_export


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Types of the modules that were exported for real."""
    names: list[str] = []

    def counted(graph: nn.Module, *rest: object, **options: object) -> object:
        names.append(type(graph).__name__)
        return real_export(graph, *rest, **options)

    monkeypatch.setattr(export_templates, "real_export", counted)
    return names


@pytest.mark.parametrize("part", ["image", "text-yes"])
def test_the_file_of_a_template_is_that_of_an_export(tmp_path: Path, mini_arch: str, part: str, exported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    other = random_model(mini_arch)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    first, second = (graphs.graphs(model)[part] for model in (random_model(mini_arch), other))
    monkeypatch.setattr(torch.onnx, "export", Exporter())
    graphs.export(part, first, tmp_path / "first.onnx", 32)
    graphs.export(part, second, tmp_path / "filled.onnx", 32)
    assert len(exported) == 1
    monkeypatch.setattr(torch.onnx, "export", real_export)
    graphs.export(part, second, tmp_path / "real.onnx", 32)
    assert (tmp_path / "filled.onnx").read_bytes() == (tmp_path / "real.onnx").read_bytes()
    assert (tmp_path / "filled.onnx").read_bytes() != (tmp_path / "first.onnx").read_bytes()


class Scaled(nn.Module):
    def __init__(self, scale: float = 2.0, weight: torch.Tensor | None = None, of: Callable[[torch.Tensor], torch.Tensor] = torch.relu):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        if weight is not None:
            self.linear.weight = nn.Parameter(weight)
        self.scale = scale
        self.of = of

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.of(self.linear(x) * self.scale)


def export(exporter: Exporter, module: nn.Module) -> None:
    exporter(module.eval(), (torch.ones(2, 3),), dynamo=True, verbose=False)


def test_another_attribute_is_another_structure(exported: list[str]) -> None:
    exporter = Exporter()
    for scale in (2.0, 3.0, 2.0):
        export(exporter, Scaled(scale))
    assert len(exported) == 2


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Scaled(weight=torch.zeros(3, 3)), id="zeros"),
        pytest.param(lambda: Scaled(of=nn.ReLU().forward), id="an attribute that cannot be compared"),
        pytest.param(lambda: nn.Sequential(nn.Linear(3, 3), nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))), id="a computed weight"),
    ],
)
def test_a_file_that_may_depend_on_the_weights_is_exported_each_time(make: Callable[[], nn.Module], exported: list[str]) -> None:
    exporter = Exporter()
    for _ in range(2):
        export(exporter, make())
    assert len(exported) == 2
