"""Writes ONNX models of every type and every way to quantize, with the onnx package and onnxruntime's quantizers.

python onnxModels.py FOLDER
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer
from onnxruntime.quantization.quant_utils import QuantFormat as BlockFormat

folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(3)
K, N = 80, 48


def save(name, nodes, initializers, opset=21, external=None, functions=()):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", K])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializers,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)
    keywords = {} if external is None else {"save_as_external_data": True, "location": external, "size_threshold": 64}
    onnx.save(model, folder / f"{name}.onnx", **keywords)


def values(*shape):
    return random.standard_normal(shape).astype(np.float32)


def every_type():
    raw, typed = [], []
    for type_name, number in TensorProto.DataType.items():
        if type_name in ("UNDEFINED", "STRING"):
            continue
        array = values(3, 8) * 3
        if type_name.startswith("UINT"):
            array = np.abs(array)
        if type_name == "BOOL":
            array = array > 0
        dtype = helper.tensor_dtype_to_np_dtype(number)
        array = array.astype(dtype)
        raw.append(numpy_helper.from_array(array, f"raw.{type_name}"))
        if type_name.startswith("FLOAT6"):
            continue
        flat = array.reshape(-1)
        typed.append(
            helper.make_tensor(
                f"typed.{type_name}",
                number,
                [3, 8],
                flat.tolist() if flat.dtype.kind in "biufc" else flat.astype(np.float32).tolist(),
            )
        )
    odd = numpy_helper.from_array(values(3, 5).astype(helper.tensor_dtype_to_np_dtype(TensorProto.INT4)), "odd.INT4")
    small = numpy_helper.from_array(
        values(3, 5).astype(helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT4E2M1)), "odd.FLOAT4E2M1"
    )
    constants = [
        helper.make_node("Constant", [], ["c.float"], value_float=0.25),
        helper.make_node("Constant", [], ["c.floats"], value_floats=[1.5, -2.0, 3.25]),
        helper.make_node("Constant", [], ["c.int"], value_int=-7),
        helper.make_node("Constant", [], ["c.ints"], value_ints=[1, -2, 1 << 40]),
        helper.make_node("Constant", [], ["c.tensor"], value=numpy_helper.from_array(values(2, 3), "inner")),
        helper.make_node("Identity", ["x"], ["y"]),
    ]
    save("types", constants, raw + typed + [odd, small], opset=24)


def float_model(name, opset=17, external=None):
    names = ["/model/layers.0/self_attn/q_proj", "/model/layers.1/self_attn/q_proj"]
    weights = [
        numpy_helper.from_array(values(K, N), "onnx::MatMul_7"),
        numpy_helper.from_array(values(N, K), "onnx::MatMul_8"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["h"], name=f"{names[0]}/MatMul"),
        helper.make_node("MatMul", ["h", "onnx::MatMul_8"], ["y"], name=f"{names[1]}/MatMul"),
    ]
    save(name, nodes, weights, opset=opset, external=external)


class Samples(CalibrationDataReader):
    def __init__(self):
        self.batches = iter([{"x": values(4, K)} for _ in range(3)])

    def get_next(self):
        return next(self.batches, None)


def quantized_by_onnxruntime():
    float_model("float")
    (folder / "weights").mkdir(exist_ok=True)
    float_model("external", external="weights/data.bin")
    source = folder / "float.onnx"
    for per_channel in (False, True):
        for kind in (QuantType.QInt8, QuantType.QUInt8):
            label = f"{kind.name}{'-channel' if per_channel else ''}"
            quantize_dynamic(source, folder / f"dynamic-{label}.onnx", per_channel=per_channel, weight_type=kind)
            for format in (QuantFormat.QDQ, QuantFormat.QOperator):
                quantize_static(
                    source,
                    folder / f"static-{format.name}-{label}.onnx",
                    Samples(),
                    quant_format=format,
                    per_channel=per_channel,
                    weight_type=kind,
                    activation_type=QuantType.QUInt8,
                )
    for bits in (2, 4, 8):
        for symmetric in (True, False):
            for block in (16, 32):
                config = DefaultWeightOnlyQuantConfig(block_size=block, is_symmetric=symmetric, bits=bits)
                quantizer = MatMulNBitsQuantizer(onnx.load(source), algo_config=config)
                quantizer.process()
                quantizer.model.save_model_to_file(str(folder / f"nbits-{bits}-{block}-{symmetric}.onnx"))
    config = DefaultWeightOnlyQuantConfig(block_size=16, is_symmetric=False, quant_format=BlockFormat.QDQ)
    float_model("float21", opset=21)
    quantizer = MatMulNBitsQuantizer(onnx.load(folder / "float21.onnx"), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(folder / "nbits-qdq.onnx"))


def recurrent():
    """An LSTM of two directions, quantized by onnxruntime."""
    hidden, directions = 8, 2
    weights = [
        numpy_helper.from_array(values(directions, 4 * hidden, K), "W"),
        numpy_helper.from_array(values(directions, 4 * hidden, hidden), "R"),
        numpy_helper.from_array(values(directions, 8 * hidden), "B"),
    ]
    nodes = [
        helper.make_node("Unsqueeze", ["x", "axes"], ["steps"]),
        helper.make_node("LSTM", ["steps", "W", "R", "B"], ["y"], hidden_size=hidden, direction="bidirectional"),
    ]
    save("lstm", nodes, [*weights, numpy_helper.from_array(np.array([1]), "axes")], opset=17)
    for per_channel in (False, True):
        output = folder / f"dynamic-lstm-{per_channel}.onnx"
        quantize_dynamic(folder / "lstm.onnx", output, per_channel=per_channel, weight_type=QuantType.QInt8)


def bitsandbytes():
    for quant_type in (MatMulBnb4Quantizer.FP4, MatMulBnb4Quantizer.NF4):
        quantizer = MatMulBnb4Quantizer(onnx.load(folder / "float.onnx"), quant_type, 64)
        quantizer.process()
        quantizer.model.save_model_to_file(str(folder / f"bnb4-{quant_type}.onnx"))


def dequantized(name, array, scale, zero, opset=21, **attributes):
    parts = [numpy_helper.from_array(array, "w"), numpy_helper.from_array(scale, "w_scale")]
    inputs = ["w", "w_scale"]
    if zero is not None:
        parts.append(numpy_helper.from_array(zero, "w_zero_point"))
        inputs.append("w_zero_point")
    save(name, [helper.make_node("DequantizeLinear", inputs, ["y"], **attributes)], parts, opset=opset)


def dequantize_linear():
    def cast(array, number):
        return array.astype(helper.tensor_dtype_to_np_dtype(number))

    codes = random.integers(-8, 8, (6, 4, 10)).astype(np.float32)
    scale = np.abs(values(4))
    zeros = random.integers(-3, 3, 4).astype(np.float32)
    for number in (
        TensorProto.INT8,
        TensorProto.INT4,
        TensorProto.FLOAT8E4M3FN,
        TensorProto.FLOAT8E5M2,
        TensorProto.FLOAT4E2M1,
        TensorProto.FLOAT8E4M3FNUZ,
    ):
        kind = TensorProto.DataType.Name(number)
        integer = kind.startswith("INT")
        dequantized(
            f"dq-axis-{kind}", cast(codes, number), scale, cast(zeros, number) if integer else None, axis=1, opset=23
        )
        dequantized(f"dq-tensor-{kind}", cast(codes, number), np.float32(0.37), None, opset=23)
    unsigned = random.integers(0, 16, (32, 6)).astype(np.float32)
    for axis, block, shape in ((0, 8, (4, 6)), (1, 2, (32, 3)), (-1, 3, (32, 2)), (0, 5, (7, 6))):
        zero = cast(random.integers(0, 16, shape).astype(np.float32), TensorProto.UINT4)
        dequantized(
            f"dq-block-{axis}-{block}",
            cast(unsigned, TensorProto.UINT4),
            np.abs(values(*shape)),
            zero,
            axis=axis,
            block_size=block,
        )
    half = np.abs(values(6)).astype(np.float16)
    dequantized("dq-half", cast(unsigned, TensorProto.UINT8), half, cast(unsigned[0], TensorProto.UINT8), axis=1)


def nvfp4():
    codes = values(16, 64).astype(helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT4E2M1))
    scale = np.abs(values(16, 4)).astype(helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))
    nodes = [
        helper.make_node("DequantizeLinear", ["w_f8_scale", "w_f32_scale"], ["s"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["y"], axis=-1, block_size=16),
    ]
    parts = [
        numpy_helper.from_array(codes, "w"),
        numpy_helper.from_array(scale, "w_f8_scale"),
        numpy_helper.from_array(np.float32(0.013), "w_f32_scale"),
    ]
    save("nvfp4", nodes, parts, opset=23)


def block_operators():
    rows, columns, block = 12, 40, 16
    blocks = -(-columns // block)
    for bits in (2, 4, 8):
        codes = random.integers(0, 256, (rows, blocks, block * bits // 8), dtype=np.uint8)
        scales = np.abs(values(rows, blocks)).astype(np.float16)
        packed = random.integers(0, 256, (rows, -(-blocks * bits // 8)), dtype=np.uint8)
        for zeros in (None, packed, values(rows, blocks).astype(np.float16)):
            for listed in (None, random.integers(0, blocks, columns).astype(np.int32)):
                parts = {"w_Q": codes, "w_scales": scales, "w_zp": zeros, "w_g": listed}
                names = [name if array is not None else "" for name, array in parts.items()]
                kind = "none" if zeros is None else str(zeros.dtype)
                node = helper.make_node(
                    "MatMulNBits",
                    ["x", *names],
                    ["y"],
                    domain="com.microsoft",
                    K=columns,
                    N=rows,
                    bits=bits,
                    block_size=block,
                )
                save(
                    f"operator-nbits-{bits}-{kind}-{listed is not None}",
                    [node],
                    [numpy_helper.from_array(array, name) for name, array in parts.items() if array is not None],
                )
        table = random.integers(0, 256, (rows, 64 * bits // 8), dtype=np.uint8)
        scales = np.abs(values(rows, 4))
        for zeros in (None, random.integers(0, 256, (rows, -(-4 * bits // 8)), dtype=np.uint8)):
            parts = {"embed": table, "embed_scales": scales, "embed_zp": zeros}
            inputs = ["embed", "x", "embed_scales", *(["embed_zp"] if zeros is not None else [])]
            node = helper.make_node(
                "GatherBlockQuantized",
                inputs,
                ["y"],
                domain="com.microsoft",
                bits=bits,
                block_size=16,
                quantize_axis=1,
                gather_axis=0,
            )
            save(
                f"operator-gather-{bits}-{zeros is not None}",
                [node],
                [numpy_helper.from_array(array, name) for name, array in parts.items() if array is not None],
            )


every_type()
quantized_by_onnxruntime()
recurrent()
bitsandbytes()
dequantize_linear()
nvfp4()
block_operators()
