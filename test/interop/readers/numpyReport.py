"""Reports every array of a .npy or .npz file as NumPy reads it; arrays without numbers, and huge ones, are left out.

python numpyReport.py FILE
"""

import io
import pathlib
import sys
import zipfile

import ml_dtypes
import numpy as np
from report import report

NAMES = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u8": "U64",
    "u4": "U32",
    "u2": "U16",
    "u1": "U8",
    "b1": "BOOL",
}
HUGE_BYTES = 1 << 30


def show(name, array):
    code = array.dtype.str[1:]
    if code == "V2":  # NumPy has no name for bfloat16 and gives raw bytes back
        report(name, "BF16", array.view(ml_dtypes.bfloat16))
    elif code in NAMES:
        report(name, NAMES[code], array)


def show_float8(name, raw):
    """NumPy writes float8_e5m2, and cannot read the name it gave it."""
    if b"'<f1'" in raw[:128]:
        array = np.lib.format.read_array(io.BytesIO(raw.replace(b"'<f1'", b"'|u1'", 1)))
        report(name, "F8_E5M2", array.view(ml_dtypes.float8_e5m2))


path = pathlib.Path(sys.argv[1])
if path.suffix == ".npy":
    show(path.stem, np.load(path))
else:
    with zipfile.ZipFile(path) as archive:
        huge = {entry.filename for entry in archive.infolist() if entry.file_size > HUGE_BYTES}
    with np.load(path) as arrays:
        for name in arrays.files:
            if f"{name}.npy" in huge:
                continue
            try:
                show(name, arrays[name])
            except ValueError:  # pickled objects, and float8
                show_float8(name, arrays.zip.read(f"{name}.npy"))
