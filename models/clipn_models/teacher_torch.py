"""The teacher in PyTorch, for soft labels on an accelerator: the .tflite file's weights as floats, its operators one by one.

The 8-bit interpreter gives a CPU core about a hundred answers a second; a GPU gives this form's by the ten thousand.
A folder of packs may be labelled by either: both write the same files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .batches import TEACHER_SCALE, crop
from .teacher import LOGITS_TENSOR, write_labels

SIDE = 144
"""px that the teacher sees of a crop. It was trained at 224, but for photographs that are 64 px themselves that is too much of a blow-up: of 600
of Tiny-ImageNet's validation photographs it names 47 % at 224, 50 % at 160 and at 144 and 48 % at 128 (among the 200 classes); of crops,
36 % at 224, 43 % at 160 and 44 % at 128."""
ZERO_POINT = -47
"""of the labels on disk, so that logits from about -5 to 11 fit 8 bits; a softmax does not see it"""


def read(model: Path) -> list[dict]:
    """A quantised MobileNetV2 .tflite -> its operators in order, weights as float32. Needs the extra ``teacher``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    # the interpreter's list of operators is not public, and nothing public tells their order
    program, logits = [], next(i for i, t in tensors.items() if LOGITS_TENSOR in t["name"] and t["dtype"] == np.int8)

    def floats(index: int, axis: int) -> Tensor:
        scales = tensors[index]["quantization_parameters"]["scales"]
        values = interpreter.get_tensor(index).astype(np.float32)
        return torch.from_numpy(values * scales.reshape([-1 if d == axis else 1 for d in range(values.ndim)]))

    for op in interpreter._get_ops_details():
        inputs, output, kind = [int(i) for i in op["inputs"]], int(op["outputs"][0]), op["op_name"]
        step: dict = {"kind": kind, "in": inputs[0], "out": output}
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            depthwise = kind[0] == "D"
            weight = floats(inputs[1], 3 if depthwise else 0)
            step["weight"] = weight.permute(3, 0, 1, 2).contiguous() if depthwise else weight.permute(0, 3, 1, 2).contiguous()
            step["bias"] = floats(inputs[2], 0)
            step["groups"] = step["weight"].shape[0] if depthwise else 1
            step["stride"] = int(tensors[inputs[0]]["shape"][1]) // int(tensors[output]["shape"][1])
            scale, zero = tensors[output]["quantization"]
            step["relu6"] = bool(zero == -128 and abs(scale * 255 - 6) < 0.1)
        elif kind == "ADD":
            step["other"] = inputs[1]
        elif kind not in ("QUANTIZE", "MEAN", "RESHAPE", "SOFTMAX", "DEQUANTIZE", "AVERAGE_POOL_2D"):
            raise ValueError(f"{model}: an operator that this teacher does not know, {kind}")
        program.append(step)
        if output == logits:
            break
    return program


class TorchTeacher:
    """float [N, 3, 224, 224] in 0..1 -> logits float32 [N, 1001]."""

    def __init__(self, program: list[dict], device: torch.device, dtype: torch.dtype = torch.float32):
        self.dtype = dtype
        self.program = [{k: v.to(device, dtype) if isinstance(v, Tensor) else v for k, v in step.items()} for step in program]

    @torch.no_grad()
    def __call__(self, pixels: Tensor) -> Tensor:
        values = {self.program[0]["in"]: (pixels.to(self.dtype) * 2 - 1).contiguous(memory_format=torch.channels_last)}
        for step in self.program:
            x = values[step["in"]]
            if "weight" in step:
                size, stride, side = step["weight"].shape[-1], step["stride"], x.shape[-1]
                pad = max(0, (-(-side // stride) - 1) * stride + size - side)  # TensorFlow's SAME: what is odd goes to the right
                if pad:
                    x = F.pad(x, (pad // 2, pad - pad // 2) * 2)
                x = F.conv2d(x, step["weight"], step["bias"], stride, groups=step["groups"])
                x = F.relu6(x) if step["relu6"] else x
            elif step["kind"] == "ADD":
                x = x + values[step["other"]]
            elif step["kind"] in ("MEAN", "AVERAGE_POOL_2D"):
                x = x.mean((2, 3), keepdim=True)
            values[step["out"]] = x
        return values[self.program[-1]["out"]].flatten(1).float()


@torch.no_grad()
def label(packs: Path, name: str, program: list[dict], views: int, seed: int, device: torch.device, batch: int = 512) -> None:
    """``teacher.write_labels`` on an accelerator."""

    def answer(boxes: np.ndarray, labels: np.ndarray) -> None:
        teacher = TorchTeacher(program, device, torch.float16 if device.type == "cuda" else torch.float32)
        pixels = torch.from_numpy(np.load(packs / f"{name}.pixels.npy")).to(device)
        for view in range(views):
            for at in range(0, len(pixels), batch):
                logits = teacher(crop(pixels[at : at + batch], torch.from_numpy(boxes[at : at + batch, view]).to(device), SIDE))
                labels[at : at + batch, view] = (logits / TEACHER_SCALE).round().add(ZERO_POINT).clamp(-128, 127).to(torch.int8).cpu().numpy()

    write_labels(packs, name, views, seed, answer)
