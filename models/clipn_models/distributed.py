"""The recipe's use of ``torch.distributed``, for one process or several. With one process no communication takes place.

``torchrun --nproc-per-node N -m clipn_models train ...`` sets RANK, WORLD_SIZE and LOCAL_RANK; NCCL connects GPUs, Gloo CPUs.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")

PATIENCE = datetime.timedelta(days=1)
"""How long ranks wait for each other: features of millions of images are shared out before the first step."""


class World:
    """This process among all of the run. ``size`` 1 needs no process group."""

    def __init__(self, device: torch.device, rank: int = 0, size: int = 1):
        self.device, self.rank, self.size = device, rank, size

    @classmethod
    def from_environment(cls, device: str) -> World:
        """``device``: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1". Joins the group that torchrun describes."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"--device {device}: PyTorch finds no CUDA device here")
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(torch.device(device))
        if ":" in device:
            raise ValueError(f"--device {device}: several processes can't share one GPU; with --device cuda each takes its own")
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
        chosen = torch.device(device)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
        return cls(chosen, dist.get_rank(), size)

    @property
    def first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def gather(self, mine: Tensor) -> Tensor:
        """Rows of all ranks in order of rank, without gradient: [n, ...] each -> [n * size, ...]. Every rank has the same number of rows."""
        if self.size == 1:
            return mine
        out = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(out, mine.contiguous())
        return torch.cat(out)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Adds up gradients over ranks, all in one message.

        Every rank computes the loss of the whole batch and differentiates it by its own texts, so the sum is the gradient of the batch.
        (The mean of DistributedDataParallel would divide it by the number of ranks.)
        """
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        for g, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            g.copy_(summed.view_as(g))

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set on any rank, so that all ranks stop at the same step."""
        if self.size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return bool(value.item())

    def share(self, value: T) -> T:
        """The first rank's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def wait(self) -> None:
        if self.size > 1:
            dist.barrier()

    def close(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
