"""The official client over gRPC and over HTTP, with the calls that its users and tools make:
python triton_grpc_client.py GRPC HTTP KEY IMAGE"""

import json
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http

grpc_host, http_host, key, path = sys.argv[1:]
with open(path, "rb") as file:
    image = file.read()
bearer = {"authorization": f"Bearer {key}"}


def decisions(module, client, headers, **options) -> dict:
    tensor = module.InferInput("image", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([image, image], dtype=np.object_))
    result = client.infer("demo", [tensor], request_id="7", headers=headers, **options)
    response = result.get_response()
    decision = [d.decode() if isinstance(d, bytes) else d for d in result.as_numpy("decision")]
    probability = result.as_numpy("ood_probability")
    assert probability.dtype == np.float32 and probability.shape == (2,), probability
    return {
        "id": response["id"] if isinstance(response, dict) else response.id,
        "decision": decision,
        "ood_probability": [round(float(p), 6) for p in probability],
    }


def refused(call) -> str:
    try:
        call()
    except (grpc.InferenceServerException, http.InferenceServerException) as error:
        return f"{error.status()} {error.message()}"
    raise SystemExit("a call that should fail did not")


out = {}
with grpc.InferenceServerClient(grpc_host) as client:
    assert client.is_server_live() and client.is_server_ready()
    assert client.get_server_metadata().name == "clipn-gate"
    assert client.is_model_ready("demo", headers=bearer)
    assert client.is_model_ready("demo", "1", headers=bearer)
    metadata = client.get_model_metadata("demo", headers=bearer)
    assert [i.datatype for i in metadata.inputs] == ["BYTES"], metadata
    config = client.get_model_config("demo", headers=bearer).config
    assert config.max_batch_size == 0 and config.input[0].name == "image", config
    index = client.get_model_repository_index(headers=bearer)
    assert [(m.name, m.state) for m in index.models] == [("demo", "READY")], index
    out["grpc"] = decisions(grpc, client, bearer)
    out["gzip"] = decisions(grpc, client, bearer, compression_algorithm="gzip")
    out["deflate"] = decisions(grpc, client, bearer, compression_algorithm="deflate", client_timeout=60)
    out["refused"] = {
        "no key": refused(lambda: client.get_model_metadata("demo")),
        "no tenant": refused(lambda: client.get_model_metadata("nobody", headers=bearer)),
        "statistics": refused(lambda: client.get_inference_statistics("demo", headers=bearer)),
        "no image": refused(lambda: client.infer("demo", [], headers=bearer)),
    }
with http.InferenceServerClient(http_host) as client:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("demo", "1", headers=bearer)
    config = client.get_model_config("demo", headers=bearer)
    assert config["max_batch_size"] == 0 and config["input"][0]["data_type"] == "TYPE_STRING", config
    index = client.get_model_repository_index(headers=bearer)
    assert [(m["name"], m["state"]) for m in index] == [("demo", "READY")], index
    out["http"] = decisions(http, client, bearer)
    out["refused over http"] = {
        "no key": refused(lambda: client.get_model_metadata("demo")),
        "no tenant": refused(lambda: client.get_model_metadata("nobody", headers=bearer)),
        "statistics": refused(lambda: client.get_inference_statistics("demo", headers=bearer)),
    }
print(json.dumps(out))
