"""Writes NumPy's own files into a folder: every dtype, byte order, axis order and way to keep them.

python numpyFixtures.py FOLDER
"""

import pathlib
import sys
import warnings
import zipfile

import ml_dtypes
import numpy as np

folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(3)
NUMBERS = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"]


def numbers(dtype, shape):
    """Random bits: every integer, and floats with subnormals, infinities and NaN among them."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(random.bytes(count), dtype).reshape(shape)


class SparseFile:
    """Leaves a hole where zeros are written."""

    def __init__(self, path):
        self.file = open(path, "w+b")

    def write(self, data):
        data = bytes(data)
        if data.count(0) == len(data):
            self.file.seek(len(data), 1)
            return len(data)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


arrays = {}
for code in NUMBERS:
    for order in "<>":
        arrays[f"{order}{code}"] = numbers(order + code, (37, 19))
        arrays[f"{order}{code} Fortran"] = np.asfortranarray(numbers(order + code, (5, 7, 11)))
arrays["bool"] = random.random((8, 9)) < 0.5
arrays["bfloat16"] = numbers(np.uint16, (30, 40)).view(ml_dtypes.bfloat16)
arrays["bfloat16 Fortran"] = np.asfortranarray(arrays["bfloat16"])
arrays["float8"] = numbers(np.uint8, (16, 16)).view(ml_dtypes.float8_e5m2)
arrays["complex"] = numbers("<c8", (4, 4))
arrays["scalar"] = np.array(-0.375)
arrays["empty"] = np.zeros((3, 0, 2), "<f4")
arrays["empty Fortran"] = np.asfortranarray(np.zeros((3, 0, 2), ">f8"))
arrays["vector Fortran"] = np.asfortranarray(numbers(">f4", (1, 50, 1)))
arrays["params/layers_0/attention/query/kernel"] = numbers("<f4", (12, 8))
# More than any window or piece of the reader, and compressible as trained weights are.
arrays["large"] = (random.standard_normal((900, 700)) * 0.02).astype(np.float16).astype("<f4")
arrays["large Fortran"] = np.asfortranarray(arrays["large"].astype(">f4"))
# What no reader of numbers can show.
arrays["object"] = np.array([{"a": 1}, None], dtype=object)
arrays["text"] = np.array(["some", "words"])
arrays["record"] = np.zeros(3, [("x", "<f4"), ("y", "<i2")])

warnings.simplefilter("ignore")
np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays)
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(folder / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, arrays["<f4 Fortran"], version=version)
np.save(folder / "scalar.npy", arrays["scalar"])

sparse = SparseFile(folder / "beyond4GB.npz")
with zipfile.ZipFile(sparse, "w", zipfile.ZIP_STORED) as archive:
    with archive.open("large.npy", "w", force_zip64=True) as entry:
        shape = (4300, 1000 * 1000)
        np.lib.format.write_array_header_1_0(entry, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for _ in range(shape[0]):
            entry.write(bytes(shape[1]))
    with archive.open("after.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, numbers("<f4", (300, 200)))
sparse.close()
