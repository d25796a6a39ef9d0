"""Reports every tensor of a safetensors file: bytes from the safetensors package, numbers by NumPy and ml_dtypes.

python safetensorsReport.py FILE
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
from report import report
from safetensors import deserialize

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "I64": np.int64,
    "U64": np.uint64,
    "I32": np.int32,
    "U32": np.uint32,
    "I16": np.int16,
    "U16": np.uint16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def values(dtype, data):
    if dtype == "F4":  # two a byte, the low nibble first
        codes = np.frombuffer(data, np.uint8)
        return np.stack([codes & 15, codes >> 4], -1).reshape(-1).view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    return np.frombuffer(data, DTYPES[dtype])


for name, view in deserialize(pathlib.Path(sys.argv[1]).read_bytes()):
    if view["dtype"] not in ("C64",):
        report(name, view["dtype"], values(view["dtype"], view["data"]).reshape(view["shape"]))
