"""Writes checkpoints with torch.save: every dtype, views of all kinds, ties, quantized tensors, both containers.

python pytorchFixtures.py FOLDER
"""

import pathlib
import sys
from collections import OrderedDict

import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(7)


def save(name, value, **options):
    torch.save(value, folder / f"{name}.pt", **options)


FLOATS = "float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2 float8_e8m0fnu complex64".split()
INTEGERS = "int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split()
numbers = torch.randn(37, 5)
save("floats", {name: (numbers.abs() if "e8m0" in name else numbers).to(getattr(torch, name)) for name in FLOATS})
save("integers", {name: (numbers.abs() * 40).to(getattr(torch, name)) for name in INTEGERS})

base = torch.randn(6, 8, 10)
views = {
    "whole": base,
    "transposed": base.transpose(0, 2),
    "sliced": base[1:5:2, ::3, 4:],
    "row": base[3, 2],
    "element": base[5, 7, 9],
    "expanded": torch.randn(1, 7).expand(5, 7),
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "diagonal": torch.randn(9, 9).diagonal(),
    "empty": torch.empty(0, 4),
    "scalar": torch.tensor(2.5),
    "windows": torch.arange(20.0).unfold(0, 6, 2),
    "half_transposed": torch.randn(4, 6).half().t(),
}
save("views", views)
save("viewsLegacy", views, _use_new_zipfile_serialization=False)
for protocol in (2, 3):  # torch.load's safe mode takes no others; the unit tests have them
    save(f"protocol{protocol}", {"weight": numbers}, pickle_protocol=protocol)
    legacy = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False}
    save(f"protocol{protocol}Legacy", {"weight": numbers}, **legacy)

shared = torch.randn(11, 3)
tied = OrderedDict([("embed.weight", shared), ("norm.weight", torch.ones(3)), ("head.weight", shared)])
save("tied", tied)
model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
optimizer = torch.optim.AdamW(model.parameters())
model(torch.randn(3, 4)).sum().backward()
optimizer.step()
training = {"model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "epoch": 3}
save("training", training)
save("parameters", {"weight": nn.Parameter(numbers), "list": [nn.Parameter(shared), {"deep": base[0]}]})
torch.jit.script(model.eval()).save(str(folder / "script.pt"))

channels = torch.randn(6, 20)
scales = (torch.rand(6) / 50).double()  # as observers make them: float32 numbers
zeros = torch.randint(-5, 5, (6,))
quantized = {
    "tensor": torch.quantize_per_tensor(channels, 0.03, 4, torch.qint8),
    "unsigned": torch.quantize_per_tensor(channels, 0.025, 120, torch.quint8),
    "channel": torch.quantize_per_channel(channels, scales, zeros, 0, torch.qint8),
    "convolution": torch.quantize_per_channel(torch.randn(6, 2, 3, 3), scales, zeros, 0, torch.qint8),
}
save("quantized", quantized)
