"""Reports every weight of an ONNX model: bytes from the onnx package, quantized ones by the operators' own formulas.

python onnxReport.py FILE

A quantized weight is found by an independent rule: the node that dequantizes it is looked at for what it computes
(DequantizeLinear by onnx.reference), so that scales and zero points come from the graph and not from names.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession
from report import report

DTYPES = {
    "FLOAT": "F32",
    "DOUBLE": "F64",
    "FLOAT16": "F16",
    "BFLOAT16": "BF16",
    "FLOAT8E4M3FN": "F8_E4M3",
    "FLOAT8E5M2": "F8_E5M2",
    "FLOAT8E8M0": "F8_E8M0",
    "FLOAT8E4M3FNUZ": "FP8",
    "FLOAT8E5M2FNUZ": "FP8",
    "FLOAT6E2M3": "F6_E2M3",
    "FLOAT6E3M2": "F6_E3M2",
    "FLOAT4E2M1": "F4",
    "BOOL": "BOOL",
    **{f"INT{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    **{f"{sign}INT{bits}": f"INT{bits}" for bits in (2, 4) for sign in ("", "U")},
}
"""Operator → inputs that are codes, scale, zero point, and the axis of a vector of scales."""
AFFINE = {
    "QLinearMatMul": (3, 4, 5, -1),
    "QLinearConv": (3, 4, 5, 0),
    "MatMulIntegerToFloat": (1, 3, 5, -1),
    "DynamicQuantizeMatMul": (1, 2, 3, -1),
}

model = onnx.load(sys.argv[1])
tensors = {}
protos = {}


def collect(graph, prefix):
    """Main graph, then the graphs inside its nodes, named as Quantscope names them."""
    bodies = []
    for node in graph.node:
        if node.op_type == "Constant":
            name = prefix + node.output[0]
            for attribute in node.attribute:
                if attribute.name == "value":
                    protos[name] = attribute.t
                elif attribute.name in ("value_float", "value_floats"):
                    protos[name] = numpy_helper.from_array(np.array(helper.get_attribute_value(attribute), np.float32))
                elif attribute.name in ("value_int", "value_ints"):
                    protos[name] = numpy_helper.from_array(np.array(helper.get_attribute_value(attribute), np.int64))
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                bodies.append((attribute.g, f"{prefix}{node.name or node.output[0]}.{attribute.name}/"))
    for tensor in graph.initializer:
        protos[prefix + tensor.name] = tensor
    for body, inner in bodies:
        collect(body, inner)


def kind(proto):
    return TensorProto.DataType.Name(proto.data_type)


def dequantize(codes, scale, zero, **attributes):
    """What DequantizeLinear makes of these tensors, computed in float32 whatever the scale is stored in."""
    scale = numpy_helper.from_array(numpy_helper.to_array(scale).astype(np.float32))
    inputs = {"w": codes, "s": scale, "z": zero}
    used = {name: proto for name, proto in inputs.items() if proto is not None}
    graph = helper.make_graph(
        [helper.make_node("DequantizeLinear", list(used), ["y"], **attributes)],
        "one",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [named(proto, name) for name, proto in used.items()],
    )
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)])).run(None, {})[0]


def named(proto, name):
    copy = TensorProto()
    copy.CopyFrom(proto)
    copy.name = name
    return copy


def codes_of(array, bits):
    """Codes of 2, 4 or 8 bits in bytes, the first in the low bits."""
    parts = [(array >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, -1).reshape(*array.shape[:-1], -1).astype(np.float32)


def match_blocks(node, attributes):
    columns = attributes.get("K")
    positions = (1, 2, 3, 4) if node.op_type == "MatMulNBits" else (0, 2, 3, None)
    names = [node.input[at] if at is not None and at < len(node.input) else "" for at in positions]
    codes, scales, zeros, listed = [numpy_helper.to_array(protos[name]) if name else None for name in names]
    bits, block = attributes.get("bits", 4), attributes.get("block_size", 128)
    rows = codes.shape[0]
    q = codes_of(codes.reshape(rows, -1), bits)[:, :columns]
    scales = scales.reshape(rows, -1).astype(np.float32)
    if zeros is None:
        zeros = np.full_like(scales, 2 ** (bits - 1))
    elif zeros.dtype == np.uint8:
        zeros = codes_of(zeros.reshape(rows, -1), bits)[:, : scales.shape[1]]
    zeros = zeros.reshape(rows, -1).astype(np.float32)
    group = np.arange(q.shape[1]) // block if listed is None else listed[: q.shape[1]]
    return names, f"INT{bits}", (q - zeros[:, group]) * scales[:, group]


def match_bnb4(node, attributes):
    """The operator itself on the unit matrix: every weight times one, and zeros."""
    codes, scales = [named(protos[name], name) for name in node.input[1:3]]
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[0], copy.output[0] = "a", "y"
    inputs = [helper.make_tensor_value_info("a", scales.data_type, None)]
    graph = helper.make_graph(
        [copy], "one", inputs, [helper.make_tensor_value_info("y", scales.data_type, None)], [codes, scales]
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    unit = np.eye(attributes["K"], dtype=helper.tensor_dtype_to_np_dtype(scales.data_type))
    kind = "NF4" if attributes["quant_type"] == 1 else "FP4"
    return [codes.name, scales.name], kind, session.run(None, {"a": unit})[0].T


def proto_of(name):
    return protos.get(name)


collect(model.graph, "")
producers = {output: node for node in model.graph.node for output in node.output}
takers = {}
for node in model.graph.node:
    for name in node.input:
        takers.setdefault(name, node)
whole, inside = {}, set()


def packed(proto):
    name = kind(proto)
    if name.startswith("FLOAT8"):
        return "FP8"
    return "FP4" if name.startswith("FLOAT4") else name.lstrip("U")


def keep(names, dtype, array):
    whole[names[0]] = (dtype, array)
    inside.update(name for name in names[1:] if name)


for node in model.graph.node:
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    inputs = [*node.input, "", "", ""]
    if node.op_type in ("MatMulNBits", "GatherBlockQuantized") and inputs[1 if "K" in attributes else 0] in protos:
        keep(*match_blocks(node, attributes))
    elif node.op_type == "MatMulBnb4":
        keep(*match_bnb4(node, attributes))
    elif node.op_type == "DynamicQuantizeLSTM":
        for codes, scale in ((1, 8), (2, 10)):
            names = [inputs[at] for at in (codes, scale, scale + 1)]
            q, s, z = [numpy_helper.to_array(protos[name]).astype(np.float32) for name in names]
            shape = (s.shape[0], 1, -1)  # [directions] or [directions, gates], the same for every input
            keep(names, packed(protos[names[0]]), (q - z.reshape(shape)) * s.reshape(shape))
    elif node.op_type == "DequantizeLinear":
        names = inputs[:3]
        own = producers.get(names[1])
        scale = proto_of(names[1])
        if own is not None and own.op_type == "DequantizeLinear" and own.input[0] in protos:
            scale = numpy_helper.from_array(dequantize(protos[own.input[0]], protos[own.input[1]], None))
            names = [names[0], own.input[0], own.input[1]]
        source = producers.get(names[0])
        if source is not None and source.op_type == "Gather":
            names[0] = source.input[0]
        if names[0] in protos and scale is not None and kind(protos[names[0]]) != "INT32":
            zero = None if own is not None and own.op_type == "DequantizeLinear" else proto_of(names[2])
            keep(names, packed(protos[names[0]]), dequantize(protos[names[0]], scale, zero, **attributes))
    elif node.op_type in AFFINE:
        codes, scale, zero, axis = AFFINE[node.op_type]
        names = [inputs[codes], inputs[scale], inputs[zero]]
        if names[0] in protos:
            keep(names, packed(protos[names[0]]), dequantize(*map(proto_of, names), axis=axis))
    elif node.op_type in ("MatMulInteger", "ConvInteger") and inputs[1] in protos:
        product = takers[takers[node.output[0]].output[0]]
        scales = [name for at in product.input if at in producers for name in producers[at].input if name in protos]
        names = [inputs[1], scales[0], inputs[3]]
        axis = -1 if node.op_type == "MatMulInteger" else 0
        keep(names, packed(protos[names[0]]), dequantize(*map(proto_of, names), axis=axis))

for name, proto in protos.items():
    if name in inside:
        continue
    if name in whole:
        report(name, *whole[name])
    elif not kind(proto).startswith("COMPLEX"):
        report(name, DTYPES[kind(proto)], numpy_helper.to_array(proto).astype(np.float32))
