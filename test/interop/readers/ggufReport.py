"""Reports every tensor of a GGUF file that the gguf package can turn into numbers.

python ggufReport.py FILE
"""

import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from report import report

np.seterr(over="ignore", invalid="ignore")  # random blocks overflow where the C library does

for tensor in GGUFReader(sys.argv[1]).tensors:
    blocks = tensor.data.dtype == np.uint8
    values = dequantize(tensor.data, tensor.tensor_type) if blocks else tensor.data
    report(tensor.name, tensor.tensor_type.name, values.reshape(tensor.shape[::-1].tolist()))
