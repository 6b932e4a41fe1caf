"""The official client against a v2 server and through the gate in front of it, and requests as KServe's documentation writes them:
python triton_client.py DIRECT GATE IMAGE"""

import base64
import json
import sys
import urllib.error
import urllib.request

import numpy as np
import tritonclient.http as triton

direct, gate, path = sys.argv[1:]
with open(path, "rb") as file:
    image = file.read()


def infer(host: str, count: int, binary: bool, coding: str | None = None) -> dict:
    with triton.InferenceServerClient(host) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("demo")
        metadata = client.get_model_metadata("demo")
        assert metadata["inputs"][0]["datatype"] == "BYTES", metadata
        tensor = triton.InferInput("image", [count], "BYTES")
        tensor.set_data_from_numpy(np.array([image] * count, dtype=np.object_), binary_data=True)
        outputs = None if binary else [triton.InferRequestedOutput(o["name"], binary_data=False) for o in metadata["outputs"]]
        result = client.infer("demo", [tensor], outputs=outputs, request_id="1", request_compression_algorithm=coding)
        decision = result.as_numpy("decision")
        probability = result.as_numpy("probability")
        assert decision.shape == (count,) and probability.dtype == np.float32
        texts = [d.decode() if isinstance(d, bytes) else d for d in decision]
        return {"decision": texts, "probability": [round(float(p), 5) for p in probability]}


try:
    with triton.InferenceServerClient(direct) as client:
        client.get_model_metadata("nobody")
    raise SystemExit("a tenant that is not there has metadata")
except triton.InferenceServerException as error:
    assert "no tenant" in str(error), error



def post(host: str, path: str, body: dict) -> tuple[int, dict]:
    request = urllib.request.Request(f"http://{host}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


plain = infer(direct, 1, True)
for coding in ("gzip", "deflate"):
    assert infer(direct, 1, True, coding) == plain, coding

runs = {name: [infer(host, 1, True), infer(host, 3, False)] for name, host in (("direct", direct), ("gated", gate))}
text = base64.b64encode(image).decode()
tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
kserve = {
    "v2": post(gate, "/v2/models/demo/infer", {"inputs": [tensor]}),
    "v1": post(gate, "/v1/models/demo:predict", {"instances": [{"image": {"b64": text}}]}),
}
print(json.dumps({**runs, "kserve": kserve}))
