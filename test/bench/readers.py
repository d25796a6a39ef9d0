"""The reference readers, timed: `make` writes a model, `time` lists its tensors and computes statistics.py's figures.

python readers.py make FORMAT PATH TENSORS ROWS COLUMNS
python readers.py time FORMAT PATH TURNS list|statistics    prints {"tensors", "seconds"} of the best turn

Interpreter start, imports and a first turn are not counted; files are in the page cache.
"""

import importlib.util
import json
import pathlib
import sys
import time

import numpy as np

spec = importlib.util.spec_from_file_location("figures", pathlib.Path(__file__).with_name("statistics.py"))
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)


def names(count):
    return [f"model.layers.{at // 8}.mlp.part{at % 8}.weight" for at in range(count)]


def normal(rows, columns):
    return (np.random.default_rng(1).standard_normal((rows, columns)) * 0.02).astype(np.float32)


class Safetensors:
    @staticmethod
    def make(path, count, rows, columns):
        from safetensors.numpy import save_file

        save_file({name: normal(rows, columns) for name in names(count)}, path)

    @staticmethod
    def list(path):
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            slices = ((name, file.get_slice(name)) for name in file.keys())
            return [(name, part.get_shape(), part.get_dtype()) for name, part in slices]

    @staticmethod
    def arrays(path):
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            yield from (file.get_tensor(name) for name in file.keys())


class Gguf:
    """Q4_K: 144 bytes per 256 elements; scales are small and finite."""

    @staticmethod
    def make(path, count, rows, columns):
        from gguf import GGMLQuantizationType, GGUFWriter

        blocks = np.random.default_rng(1).integers(0, 256, (rows, columns // 256, 144), np.uint8)
        blocks[:, :, 0:4] = np.frombuffer(np.array([0.001, 0.002], np.float16).tobytes(), np.uint8)
        writer = GGUFWriter(path, "llama")
        for name in names(count):
            writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=GGMLQuantizationType.Q4_K)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    @staticmethod
    def list(path):
        from gguf import GGUFReader

        return [(tensor.name, tensor.shape.tolist(), tensor.tensor_type) for tensor in GGUFReader(path).tensors]

    @staticmethod
    def arrays(path):
        from gguf import GGUFReader
        from gguf.quants import dequantize

        yield from (dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors)


class Onnx:
    @staticmethod
    def make(path, count, rows, columns):
        import onnx
        from onnx import helper, numpy_helper

        values = normal(rows, columns)
        tensors = [numpy_helper.from_array(values, name) for name in names(count)]
        onnx.save(helper.make_model(helper.make_graph([], "main", [], [], tensors)), path)

    @staticmethod
    def list(path):
        import onnx

        model = onnx.load(path, load_external_data=False)
        return [(tensor.name, list(tensor.dims), tensor.data_type) for tensor in model.graph.initializer]

    @staticmethod
    def arrays(path):
        import onnx
        from onnx import numpy_helper

        yield from (numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer)


class Npz:
    @staticmethod
    def make(path, count, rows, columns):
        values = normal(rows, columns)
        np.savez(path, **{name: values for name in names(count)})

    @staticmethod
    def list(path):
        """Headers only, as np.load does before it reads an array."""
        from numpy.lib import format as npy

        found = []
        with np.load(path) as archive:
            for name in archive.files:
                with archive.zip.open(f"{name}.npy") as file:
                    npy.read_magic(file)
                    shape, _, dtype = npy.read_array_header_1_0(file)
                    found.append((name, shape, dtype))
        return found

    @staticmethod
    def arrays(path):
        with np.load(path) as archive:
            yield from (archive[name] for name in archive.files)


class Torch:
    @staticmethod
    def make(path, count, rows, columns):
        import torch

        torch.save({name: torch.from_numpy(normal(rows, columns)) for name in names(count)}, path)

    @staticmethod
    def list(path):
        import torch

        loaded = torch.load(path, mmap=True, weights_only=True)
        return [(name, list(tensor.shape), tensor.dtype) for name, tensor in loaded.items()]

    @staticmethod
    def arrays(path):
        import torch

        yield from (tensor.numpy() for tensor in torch.load(path, mmap=True, weights_only=True).values())


def statistics(reader, path):
    for array in reader.arrays(path):
        figures.figures_of(array.reshape(-1), array.shape[-1])


def best(turns, body):
    body()
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        body()
        times.append(time.perf_counter() - began)
    return min(times)


def main(mode, kind, path, *numbers):
    reader = {"safetensors": Safetensors, "gguf": Gguf, "onnx": Onnx, "npz": Npz, "pt": Torch}[kind]
    if mode == "make":
        reader.make(path, *map(int, numbers))
        return
    turns, wanted = int(numbers[0]), numbers[1]
    seconds = best(turns, (lambda: reader.list(path)) if wanted == "list" else lambda: statistics(reader, path))
    print(json.dumps({"tensors": len(reader.list(path)), "seconds": seconds}))


main(*sys.argv[1:])
