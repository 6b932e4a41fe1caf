"""Standard errors of the shares that tenants keep and catch: these were measured on some classes and not on others.

Tenants that are drawn from one set of classes share photographs: a photograph that no rule rejects counts in each of them. The spread over tenants
would therefore be too small. The standard errors are a jackknife over classes: every class is left out once, with all of its photographs, in all tenants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHARES = ("id_accepted", "ood_rejected")


@dataclass(frozen=True)
class Decided:
    """Decisions of one rule for T tenants drawn from C classes.

    ``right`` int [T, C]: photographs of each class that are decided rightly; ``images`` int [C]: photographs; ``mine`` bool [T, C]: the tenant's classes.
    """

    right: np.ndarray
    images: np.ndarray
    mine: np.ndarray

    def share(self, name: str) -> tuple[float, np.ndarray]:
        """Mean over tenants of one of ``SHARES``, and the same without each class, float64 [C]. A tenant needs photographs of two classes."""
        chosen = self.mine if name == "id_accepted" else ~self.mine
        right, images = self.right * chosen, self.images * chosen
        without = (right.sum(1, keepdims=True) - right) / (images.sum(1, keepdims=True) - images)
        return float((right.sum(1) / images.sum(1)).mean()), without.mean(0)


def standard_error(without: np.ndarray) -> float:
    """The jackknife's, of a figure that is ``without`` [C] where each class is left out."""
    return float(np.sqrt((len(without) - 1) * np.var(without)))


def moved(plain: Decided, treated: Decided) -> dict[str, dict[str, float]]:
    """Differences of both shares of the same tenants on the same photographs, with standard errors."""
    out = {}
    for name in SHARES:
        (before, without_before), (after, without_after) = plain.share(name), treated.share(name)
        out[name] = {"by": round(after - before, 4), "standard_error": round(standard_error(without_after - without_before), 4)}
    return out
