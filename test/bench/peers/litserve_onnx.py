"""LitServe with onnxruntime on the service's own ONNX file: dynamic batching, a worker per core."""

from __future__ import annotations

import litserve as ls
import numpy as np
from common import PORT, THREADS, Model, session


class Detect(ls.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model()
        self.session = session()

    def decode_request(self, request: dict) -> np.ndarray:
        return self.model.pixels(request["images"][0]["data"])

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        return self.session.run(["features"], {"pixels": pixels})[0]

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, feature: np.ndarray) -> dict:
        return {"results": [self.model.reply(feature)]}


if __name__ == "__main__":
    api = Detect(max_batch_size=8, batch_timeout=0.002, api_path="/v1/detect")
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=THREADS)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
