"""Muon (K. Jordan et al., 2024): momentum whose update is orthogonalised, for the matrices of a network's inside.

Update scaled by 0.2 sqrt(max(rows, columns)) so that learning rate and weight decay mean what they mean to AdamW
(Moonlight, arXiv 2502.16982). Convolutions count as matrices [out, in * k * k].
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalise(matrix: Tensor, steps: int = 4) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: Newton-Schulz with the quintic whose slope at zero is steep."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params: Iterable, lr: float, weight_decay: float = 0.0, momentum: float = 0.9):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].mul_(group["momentum"]).add_(p.grad)
                update = orthogonalise(p.grad.add(state["momentum"], alpha=group["momentum"]).flatten(1))  # Nesterov
                update = update.mul_(0.2 * math.sqrt(max(update.shape))).view_as(p)
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
