"""One JSON line per tensor, in the form that compare.ts makes of the same file. Scripts beside this one call `report`."""

import hashlib
import json

import numpy as np


def report(name, dtype, array):
    """Prints name, dtype, shape, and digest, sum and largest magnitude of the values as little-endian float32.

    dtype: as Quantscope spells it ("F32", "Q4_K"), or None to leave it uncompared.
    array: NumPy array of real numbers or booleans; every NaN counts as the same one.
    """
    values = np.ascontiguousarray(array).astype("<f4").reshape(-1)
    nan = np.isnan(values)
    if nan.any():
        values[nan] = np.float32("nan")
    finite = values[np.isfinite(values)].astype(np.float64)
    line = {
        "name": name,
        "dtype": dtype,
        "shape": [int(n) for n in np.shape(array)],
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
        "sum": float(finite.sum()),
        "absMax": float(np.abs(finite).max(initial=0)),
    }
    print(json.dumps(line), flush=True)
