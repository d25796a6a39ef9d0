"""Writes test/fixtures/golden/realFigures.json: figures of every tensor of the real files, by the formats' own readers.

Run by hand, with Python packages numpy ml_dtypes safetensors gguf onnx torch h5py:
    python test/interop/readers/expectedFigures.py ../shared/data test/fixtures/golden/realFigures.json

Per file and tensor: elements, mean, standard deviation, largest magnitude and excess kurtosis of the finite values as
float32, summed in float64; null for the kurtosis of constants and for figures of tensors without finite values.
Of the pickle protocols 1 to 5 in the names of one project's files, all with the same tensor, the second is read.
"""

import json
import pathlib
import re
import struct
import sys

import numpy as np


def figures(array):
    values = np.asarray(array).astype(np.float32).reshape(-1).astype(np.float64)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return [int(values.size), None, None, None, None]
    mean = finite.mean()
    centred = finite - mean
    variance = (centred**2).mean()
    kurtosis = (centred**4).mean() / variance**2 - 3 if variance > 0 else None
    numbers = [(mean, 7), (np.sqrt(variance), 7), (np.abs(finite).max(), 9), (kurtosis, 6)]
    return [int(values.size), *(None if n is None else float(f"{n:.{digits}g}") for n, digits in numbers)]


def safetensors(path):
    import ml_dtypes
    from safetensors import deserialize

    special = {"BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
    kinds = {"F": "f", "I": "i", "U": "u"}
    for name, view in deserialize(path.read_bytes()):
        dtype = view["dtype"]
        if dtype.startswith("C"):
            continue
        plain = np.bool_ if dtype == "BOOL" else special.get(dtype)
        plain = plain or np.dtype(f"{kinds[dtype[0]]}{int(dtype[1:]) // 8}")
        yield name, np.frombuffer(view["data"], plain)


def gguf(path):
    from gguf import GGUFReader
    from gguf.quants import dequantize

    for tensor in GGUFReader(path).tensors:
        plain = tensor.data.dtype != np.uint8 and tensor.tensor_type.name != "F16"
        yield tensor.name, tensor.data if plain else dequantize(tensor.data, tensor.tensor_type)


def numpy_archive(path):
    with np.load(path, allow_pickle=False) as archive:
        yield from ((name, archive[name]) for name in archive.files)


def hdf5(path):
    import h5py

    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    prefix = "model_weights/"
    yield from ((name.removeprefix(prefix), array) for name, array in found if name.startswith(prefix))


def imatrix(path):
    """The format before GGUF: count, then name, calls, values of each entry. Mean squares per call."""
    with path.open("rb") as file:
        number = lambda: struct.unpack("<i", file.read(4))[0]  # noqa: E731
        for _ in range(number()):
            name = file.read(number()).decode()
            calls = number()
            sums = np.frombuffer(file.read(4 * number()), "<f4")
            yield name, sums / np.float32(calls)


def onnx_graph(path):
    import onnx
    from onnx import numpy_helper

    def walk(graph, prefix):
        for tensor in graph.initializer:
            yield prefix + tensor.name, numpy_helper.to_array(tensor, str(path.parent))
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    yield prefix + node.output[0], numpy_helper.to_array(attribute.t, str(path.parent))
                if attribute.HasField("g"):
                    yield from walk(attribute.g, f"{prefix}{node.name}.{attribute.name}/")

    model = onnx.load(path, load_external_data=False)
    yield from ((name, array) for name, array in walk(model.graph, "") if array.dtype.kind in "fiub")


def torch_file(path):
    """Names as Quantscope gives them: a lone tensor is `tensor`, the model's own dict goes unnamed, optimizers go."""
    import torch

    def walk(value, prefix):
        if isinstance(value, torch.Tensor):
            yield prefix, value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, f"{prefix}.{key}" if prefix else str(key))
        elif isinstance(value, (list, tuple)):
            for at, item in enumerate(value):
                yield from walk(item, f"{prefix}.{at}" if prefix else str(at))

    if path.suffix == ".jit":
        loaded = dict(torch.jit.load(path, map_location="cpu").state_dict())
    else:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(loaded, dict):
        loaded = next((loaded[key] for key in ("state_dict", "model_state_dict") if key in loaded), loaded)
    for name, tensor in walk(loaded, "" if isinstance(loaded, dict) else "tensor"):
        if not tensor.is_complex():
            yield name, tensor.detach().to(torch.float32).numpy()


def tar_pickle(path):
    """The container before zip and the legacy stream, which PyTorch itself no longer reads."""
    import pickle
    import tarfile

    dtypes = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if name == "OrderedDict":
                return dict
            return self.view if name == "_rebuild_tensor_v2" else dtypes[name]

        @staticmethod
        def view(storage, start, shape, strides, *_):
            values = storages[storage[2]]  # ("storage", type, key, location, elements)
            steps = [step * values.itemsize for step in strides]
            return np.lib.stride_tricks.as_strided(values[start:], shape, steps)

    storages = {}
    with tarfile.open(path) as archive:
        stream = archive.extractfile("storages")
        for _ in range(pickle.Unpickler(stream).load()):
            key, _, dtype = Unpickler(stream).load()
            count = struct.unpack("<q", stream.read(8))[0]
            storages[key] = np.frombuffer(stream.read(count * np.dtype(dtype).itemsize), dtype)
        yield from Unpickler(archive.extractfile("pickle")).load().items()


def shards(path):
    folder = path.parent
    for name in sorted(set(json.loads(path.read_text())["weight_map"].values())):
        yield from safetensors(folder / name)


def llama2c(path):
    """llama2.c (export.py): float32 in its first version, int8 in groups with scales behind each tensor in its second."""
    raw = path.read_bytes()
    quantized = raw[:4] == b"24ka"
    dim, hidden, layers, heads, kv_heads, vocabulary, _ = struct.unpack_from("<7i", raw, 8 if quantized else 0)
    group_size = struct.unpack_from("<i", raw, 37)[0]
    kv = dim * kv_heads // heads
    at = 256 if quantized else 28

    def take(dtype, count):
        nonlocal at
        values = np.frombuffer(raw, dtype, count, at)
        at += values.nbytes
        return values

    def stack(name, size, groups=False):
        for layer in range(layers):
            yield name.format(layer), matrix(size) if groups else take("<f4", size)

    def matrix(size):
        if not quantized:
            return take("<f4", size)
        codes = take("i1", size).reshape(-1, group_size).astype(np.float32)
        return codes * take("<f4", size // group_size)[:, None]

    if quantized:
        yield from stack("layers.{}.attention_norm.weight", dim)
        yield from stack("layers.{}.ffn_norm.weight", dim)
        yield "norm.weight", take("<f4", dim)
        yield "tok_embeddings.weight", matrix(vocabulary * dim)
        for name, size in (("wq", dim * dim), ("wk", kv * dim), ("wv", kv * dim), ("wo", dim * dim)):
            yield from stack(f"layers.{{}}.attention.{name}.weight", size, True)
        for name in ("w1", "w2", "w3"):
            yield from stack(f"layers.{{}}.feed_forward.{name}.weight", dim * hidden, True)
        return
    yield "model.embed_tokens.weight", matrix(vocabulary * dim)
    yield from stack("model.layers.{}.input_layernorm.weight", dim)
    for name, size in (("q", dim * dim), ("k", kv * dim), ("v", kv * dim), ("o", dim * dim)):
        yield from stack(f"model.layers.{{}}.self_attn.{name}_proj.weight", size)
    yield from stack("model.layers.{}.post_attention_layernorm.weight", dim)
    for name in ("gate", "down", "up"):
        yield from stack(f"model.layers.{{}}.mlp.{name}_proj.weight", dim * hidden)
    yield "model.norm.weight", take("<f4", dim)


READERS = {
    r"\.safetensors$": safetensors,
    r"\.gguf$": gguf,
    r"\.npz$": numpy_archive,
    r"\.h5$": hdf5,
    r"imatrix\.dat$": imatrix,
    r"\.onnx$": onnx_graph,
    r"\.(pt|pth|th|jit)$": torch_file,
    r"\.tar$": tar_pickle,
    r"\.safetensors\.index\.json$": shards,
    r"stories260K.*\.bin$": llama2c,
}


def main(root, output):
    result = {}
    for path in sorted(pathlib.Path(root).rglob("*")):
        reader = next((read for pattern, read in READERS.items() if re.search(pattern, path.name)), None)
        if reader is None or not path.is_file() or re.search(r"_proto[1345]", path.name):  # the same as _proto2
            continue
        name = path.relative_to(root).as_posix()
        try:
            result[name] = {tensor: figures(array) for tensor, array in reader(path)}
        except Exception as error:  # the table of the test says which files must open
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:120]}", file=sys.stderr)
    files = ",\n".join(f"{json.dumps(name)}: {json.dumps(tensors, separators=(',', ':'))}" for name, tensors in result.items())
    pathlib.Path(output).write_text(f"{{\n{files}\n}}\n")


main(*sys.argv[1:])
