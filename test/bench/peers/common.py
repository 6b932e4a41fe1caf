"""Parts that both peers share: the request's form, the reference transform, class features and the verdict, as models/ has them."""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING

import numpy as np
from clipn_models.bundle import TorchBundle
from clipn_models.verdicts import verdict
from clipn_models.transform import reference

if TYPE_CHECKING:
    import onnxruntime as ort

CLASSES = os.environ["PEER_CLASSES"].split(",")
THREADS = int(os.environ["PEER_THREADS"])
PORT = int(os.environ["PEER_PORT"])


def session() -> ort.InferenceSession:
    """The service's own ONNX file in a session of one thread, for servers with a worker for each core."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(os.environ["PEER_IMAGE_GRAPH"], options, providers=["CPUExecutionProvider"])


class Model:
    """A bundle's class features, and its verdict on an image feature."""

    def __init__(self) -> None:
        from pathlib import Path

        self.bundle = TorchBundle(Path(os.environ["PEER_BUNDLE"]))
        self.size = self.bundle.manifest["image"]["size"]
        self.scale = self.bundle.manifest["logit_scale"]
        self.yes, self.no = self.bundle.classes(CLASSES)

    def pixels(self, data: str) -> np.ndarray:
        """Base64 of an image file -> uint8 [size, size, 3]."""
        return reference(io.BytesIO(base64.b64decode(data)), self.size)

    def reply(self, feature: np.ndarray) -> dict:
        """Float32 [D] -> the members of our own reply that a client looks at."""
        v = verdict(feature.astype(np.float64) @ self.yes.T, feature.astype(np.float64) @ self.no.T, self.scale)
        top = np.argsort(v["p"])[::-1][:5]
        return {
            "decision": "ood" if v["ood"]["ctw"] else "id",
            "prediction": {"class": CLASSES[v["index"]], "index": v["index"], "probability": v["p"][v["index"]]},
            "no_probability": v["p_no"][v["index"]],
            "ood_probability": v["p_ood"],
            "decisions": v["ood"],
            "scores": v["scores"],
            "top": [{"class": CLASSES[i], "index": int(i), "probability": v["p"][i], "no_probability": v["p_no"][i]} for i in top],
        }
