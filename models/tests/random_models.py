"""Untrained models, with every weight and statistic away from its initial value."""

from __future__ import annotations

import torch

from clipn_models.model import arch_config, build


def random_model(arch: str | dict, learnable: bool = True) -> torch.nn.Module:
    """``arch``: a name that ``arch_config`` knows, or a configuration."""
    torch.manual_seed(1)
    model = build(arch if isinstance(arch, dict) else arch_config(arch), learnable_prompt=learnable)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.5, 2)
    return model.eval()
