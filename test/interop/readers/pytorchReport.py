"""Reports every tensor of PyTorch checkpoints as torch.load or torch.jit.load reads them, named as Quantscope does.

python pytorchReport.py FILE...        importing torch takes seconds, so that all files go into one call; names: "FILE|name"
"""

import sys

import torch
from report import report

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.float8_e8m0fnu: "F8_E8M0",
    torch.int64: "I64",
    torch.uint64: "U64",
    torch.int32: "I32",
    torch.uint32: "U32",
    torch.int16: "I16",
    torch.uint16: "U16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.qint8: "INT8",
    torch.quint8: "INT8",
}
WRAPPERS = ("state_dict", "model", "model_state_dict")


def flatten(value, name):
    """Tensors in containers, their keys joined by dots."""
    if isinstance(value, torch.Tensor):
        yield name or "tensor", value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flatten(item, f"{name}.{key}" if name else str(key))


def load(path):
    try:
        return torch.jit.load(path, map_location="cpu").state_dict()
    except (RuntimeError, ValueError):
        return torch.load(path, map_location="cpu", weights_only=True)


def model(root):
    """Without optimizer states, and without a wrapper that is all there is."""
    if not isinstance(root, dict):
        return root
    kept = {key: value for key, value in root.items() if key not in ("optimizer", "optimizer_state_dict")}
    wrapped = [key for key, value in kept.items() if any(True for _ in flatten(value, str(key)))]
    return kept[wrapped[0]] if len(wrapped) == 1 and wrapped[0] in WRAPPERS else kept


for path in sys.argv[1:]:
    places = set()
    for name, tensor in flatten(model(load(path)), ""):
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.is_complex() or (tensor.numel() > 0 and place in places):
            continue  # a second name of a tied tensor
        places.add(place)
        values = tensor.dequantize() if tensor.is_quantized else tensor
        report(f"{path}|{name}", DTYPES[tensor.dtype], values.detach().to(torch.float32).numpy())
