"""Ray Serve with onnxruntime on the service's own ONNX file: dynamic batching, a replica with one single-threaded session for each core."""

from __future__ import annotations

import os

import numpy as np
import ray
from common import PORT, THREADS, Model, session
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=THREADS, max_ongoing_requests=32, ray_actor_options={"num_cpus": 1})
class Detect:
    def __init__(self) -> None:
        self.model = Model()
        self.session = session()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.002)
    async def features(self, pixels: list[np.ndarray]) -> list[np.ndarray]:
        return list(self.session.run(["features"], {"pixels": np.stack(pixels)})[0])

    async def __call__(self, request: Request) -> dict:
        images = (await request.json())["images"]
        features = [await self.features(self.model.pixels(image["data"])) for image in images]
        return {"results": [self.model.reply(feature) for feature in features]}


if __name__ == "__main__":
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # one processor more than replicas: the proxy counts as a fraction of one
    ray.init(num_cpus=THREADS + 1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Detect.bind(), route_prefix="/v1/detect", blocking=True)
