"""BentoML with onnxruntime on the service's own ONNX file: adaptive batching, a worker with one single-threaded session for each core."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bentoml
import numpy as np
from common import PORT, THREADS, Model, session
from pydantic import BaseModel


class Image(BaseModel):
    data: str


@bentoml.service(workers=THREADS, threads=1, traffic={"timeout": 60})
class Detect:
    def __init__(self) -> None:
        self.model = Model()
        self.session = session()

    @bentoml.api(route="/v1/detect", batchable=True, max_batch_size=8, max_latency_ms=60_000)
    def detect(self, images: list[Image]) -> list[dict]:
        pixels = np.stack([self.model.pixels(image.data) for image in images])
        features = self.session.run(["features"], {"pixels": pixels})[0]
        return [self.model.reply(feature) for feature in features]


if __name__ == "__main__":
    here = Path(__file__)
    address = ["--host", "127.0.0.1", "--port", str(PORT), "--working-dir", str(here.parent)]
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", "serve", f"{here.stem}:Detect", *address])
