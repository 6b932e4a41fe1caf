"""FastAPI with the PyTorch model, one image after the other as the paper's code runs it; as many requests at once as there are cores."""

from __future__ import annotations

import anyio.to_thread
import torch
import uvicorn
from common import PORT, THREADS, Model
from fastapi import FastAPI
from pydantic import BaseModel


class Image(BaseModel):
    id: str | None = None
    data: str


class Images(BaseModel):
    images: list[Image]


torch.set_num_threads(1)
model = Model()
app = FastAPI()


@app.on_event("startup")
async def threads() -> None:
    # more requests at once than cores only push each other aside
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS


@app.post("/v1/detect")
def detect(request: Images) -> dict:
    features = [model.bundle.image(model.pixels(image.data)[None])[0] for image in request.images]
    return {"results": [model.reply(feature) for feature in features]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
