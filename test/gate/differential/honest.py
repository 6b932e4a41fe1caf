"""Makes requests as Python clients send them. A message is four bytes of length (big endian) and JSON; so is the answer."""

import asyncio
import base64
import json
import struct
import sys

import aiohttp
import httpx
import requests

try:
    import numpy as np
    import tritonclient.http as triton
except ImportError:
    triton = None
try:
    from kserve import InferInput, InferRequest
except ImportError:
    InferRequest = None


def with_requests(fields, files):
    r = requests.Request("POST", "http://x/", data=fields, files=[(n, (f, b, t)) for n, f, t, b in files] or None).prepare()
    body = r.body or b""
    return list(r.headers.items()), body.encode() if isinstance(body, str) else body


def with_httpx(fields, files):
    r = httpx.Request("POST", "http://x/", data=dict(fields), files=[(n, (f, b, t)) for n, f, t, b in files] or None)
    return list(r.headers.items()), r.read()


def with_json(fields, files):
    r = requests.Request("POST", "http://x/", json={**dict(fields), **{n: base64.b64encode(b).decode() for n, _, _, b in files}}).prepare()
    return list(r.headers.items()), r.body


def with_triton(fields, files):
    pictures = triton.InferInput("image", [len(files)], "BYTES")
    pictures.set_data_from_numpy(np.array([b for *_, b in files], dtype=np.object_))
    scores = triton.InferInput("scores", [1, 7], "FP32")
    scores.set_data_from_numpy(np.linspace(0, 1, 7, dtype=np.float32)[None])
    body, size = triton.InferenceServerClient.generate_request_body([pictures, scores])
    headers = [("Content-Type", "application/octet-stream" if size else "application/json")]
    return headers + ([("Inference-Header-Content-Length", str(size))] if size else []), body


def with_aiohttp(fields, files):
    form = aiohttp.FormData()
    for name, value in fields:
        form.add_field(name, value)
    for name, filename, content_type, content in files:
        form.add_field(name, content, filename=filename, content_type=content_type.split(";")[0])
    payload = form()
    headers = [("Content-Type", payload.headers["Content-Type"])]

    class Writer:
        body = b""

        async def write(self, chunk):
            self.body += bytes(chunk)

    writer = Writer()
    asyncio.run(payload.write(writer))
    return headers, writer.body


def with_kserve(fields, files):
    """Protocol v2 as kserve's InferenceRESTClient sends it, in JSON or with the binary extension; v1 has no builder of its own."""
    if len(fields) % 3 == 0:
        instances = [{"image": {"b64": base64.b64encode(b).decode()}} for *_, b in files] or [[0.1, 0.2]]
        return [("Content-Type", "application/json")], json.dumps({"instances": instances}).encode()
    binary = len(fields) % 3 == 1
    contents = [b if binary else base64.b64encode(b) for *_, b in files]
    if InferRequest is None:
        data = [c.decode("latin1") for c in contents]
        body = {"inputs": [{"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data}]}
        return [("Content-Type", "application/json")], json.dumps(body).encode()
    inputs = [InferInput("scores", [1, 3], "FP32")]
    inputs[0].set_data_from_numpy(np.array([[0.5, 0.25, 1]], dtype=np.float32), binary_data=binary)
    if contents:
        inputs.append(InferInput("image", [len(contents)], "BYTES"))
        inputs[1].set_data_from_numpy(np.array(contents, dtype=np.object_), binary_data=binary)
    body, size = InferRequest(model_name="m", infer_inputs=inputs).to_rest()
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("Content-Type", "application/octet-stream" if size else "application/json")]
    return headers + ([("Inference-Header-Content-Length", str(size))] if size else []), body


CLIENTS = {
    "requests": with_requests, "httpx": with_httpx, "aiohttp": with_aiohttp, "JSON": with_json, "tritonclient": with_triton,
    "kserve": with_kserve,
}  # fmt: skip

while head := sys.stdin.buffer.read(4):
    message = json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))
    files = [(n, f, t, base64.b64decode(b)) for n, f, t, b in message["files"]]
    client = message["client"]
    if client == "tritonclient" and not (triton and files):
        client = "requests"
    headers, body = CLIENTS[client](message["fields"], files)
    kept = [[n, v] for n, v in headers if n.lower() in ("content-type", "inference-header-content-length")]
    reply = json.dumps({"client": client, "headers": kept, "body": base64.b64encode(body).decode()}).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(reply)) + reply)
    sys.stdout.buffer.flush()
