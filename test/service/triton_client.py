"""The official client against a v2 server and through the gate in front of it: python triton_client.py DIRECT GATE IMAGE"""

import json
import sys

import numpy as np
import tritonclient.http as triton

direct, gate, path = sys.argv[1:]
with open(path, "rb") as file:
    image = file.read()


def infer(host: str, count: int, binary: bool) -> dict:
    with triton.InferenceServerClient(host) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("demo")
        metadata = client.get_model_metadata("demo")
        assert metadata["inputs"][0]["datatype"] == "BYTES", metadata
        tensor = triton.InferInput("image", [count], "BYTES")
        tensor.set_data_from_numpy(np.array([image] * count, dtype=np.object_), binary_data=True)
        outputs = None if binary else [triton.InferRequestedOutput(o["name"], binary_data=False) for o in metadata["outputs"]]
        result = client.infer("demo", [tensor], outputs=outputs, request_id="1")
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

runs = {name: [infer(host, 1, True), infer(host, 3, False)] for name, host in (("direct", direct), ("gated", gate))}
print(json.dumps(runs))
