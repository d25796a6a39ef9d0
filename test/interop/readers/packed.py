"""Packs random weights with a quantizer's own code and dequantizes them with it too.

python packed.py METHOD FOLDER   writes FOLDER/model.safetensors and config.json, as published models have them, and
                                 FOLDER/reference/reference.safetensors: the dequantized weights, F32, by logical name

Prints "skipped: …" and leaves the folder empty when the quantizer's package cannot be imported.
"""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np

ROWS, COLUMNS = 96, 256


def main(method, folder):
    try:
        tensors, config, references, save = METHODS[method]()
    except ImportError as error:
        print(f"skipped: {error}")
        return
    (folder / "reference").mkdir()
    save(tensors, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config))
    save(references, str(folder / "reference" / "reference.safetensors"))


def torch_saver():
    from safetensors.torch import save_file

    def save(tensors, path):
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)

    return save


def weights(rows=ROWS, columns=COLUMNS, seed=0):
    """A few columns carry outliers, as in real models."""
    import torch

    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 0.02
    weight[:, ::50] *= 8
    return weight


def bare_package(name):
    """A package without what its __init__ imports: retired quantizers do not import beside today's transformers."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(f"no package named {name}")
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package


def compressed_tensors(layout, schemes):
    import torch
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    compressor = BaseCompressor.get_value_from_registry(layout)
    tensors, references, groups = {}, {}, {}
    for number, arguments in enumerate(schemes):
        args = QuantizationArgs(dynamic=False, **arguments)
        scheme = QuantizationScheme(targets=[f"m{number}"], weights=args)
        weight = weights(seed=number)
        tiles = {
            "tensor": weight.reshape(1, -1),
            "channel": weight,
            "block": weight.reshape(ROWS // 32, 32, COLUMNS // 64, 64).transpose(1, 2).flatten(2),
        }.get(args.strategy, weight.reshape(ROWS, -1, max(args.group_size or 0, 1)))
        low, high = tiles.amin(-1), tiles.amax(-1)
        if args.strategy == "channel":
            low, high = low[:, None], high[:, None]
        state = {"weight": weight}
        if args.strategy == "tensor_group":
            state["weight_global_scale"] = torch.tensor([448.0 * 6.0 / weight.abs().max()])
        scale, zero = calculate_qparams(low, high, args, global_scale=state.get("weight_global_scale"))
        state |= {"weight_scale": scale, "weight_zero_point": zero}
        packed = compressor.compress(state, scheme)
        for name, tensor in packed.items():
            tensors[f"m{number}.{name}"] = tensor
        references[f"m{number}.weight"] = decompressed(compressor, packed, scheme)
        groups[f"group_{number}"] = json.loads(scheme.model_dump_json())
    config = {"quant_method": "compressed-tensors", "format": layout, "config_groups": groups}
    return tensors, {"quantization_config": config}, references, torch_saver()


def decompressed(compressor, packed, scheme):
    """In float32: the compressors themselves work in the dtype of the scales, FP4's in bfloat16."""
    import torch
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.quantization.lifecycle.forward import dequantize

    if packed.get("weight_packed") is None or packed["weight_packed"].dtype != torch.uint8:
        state = {**packed, "weight_scale": packed["weight_scale"].float()}
        if packed["weight_scale"].dtype == torch.uint8:
            state = packed
        return compressor.decompress(state, scheme)["weight"].float()
    rows, half = packed["weight_packed"].shape
    codes = unpack_fp4_from_uint8(packed["weight_packed"], rows, half * 2, dtype=torch.float32)
    scale = compressor._decompress_scale(packed["weight_scale"], torch.float32)
    options = {"args": scheme.weights, "global_scale": packed.get("weight_global_scale"), "dtype": torch.float32}
    return dequantize(codes, scale, **options)


def pack_quantized():
    grouped = [
        {"num_bits": bits, "type": "int", "strategy": "group", "group_size": 64, "symmetric": symmetric}
        for bits in range(2, 9)
        for symmetric in (True, False)
    ]
    whole = {"num_bits": 4, "type": "int", "strategy": "channel"}
    channel = [{**whole, "symmetric": symmetric} for symmetric in (True, False)]
    return compressed_tensors("pack-quantized", grouped + channel)


def int_quantized():
    strategies = [{"strategy": "tensor"}, {"strategy": "channel"}, {"strategy": "group", "group_size": 64}]
    schemes = [
        {"num_bits": 8, "type": "int", "symmetric": symmetric, **strategy}
        for strategy in strategies
        for symmetric in (True, False)
    ]
    return compressed_tensors("int-quantized", schemes)


def float_quantized():
    strategies = [{"strategy": "tensor"}, {"strategy": "channel"}, {"strategy": "block", "block_structure": [32, 64]}]
    whole = {"num_bits": 8, "type": "float", "symmetric": True}
    return compressed_tensors("float-quantized", [{**whole, **strategy} for strategy in strategies])


def nvfp4():
    import torch

    scheme = {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "symmetric": True}
    return compressed_tensors("nvfp4-pack-quantized", [{**scheme, "scale_dtype": torch.float8_e4m3fn}])


def mxfp4():
    import torch

    scheme = {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32, "symmetric": True}
    return compressed_tensors("mxfp4-pack-quantized", [{**scheme, "scale_dtype": torch.uint8}])


def finegrained_fp8():
    """DeepSeek's FP8 blocks and FP4 experts, dequantized by transformers; no quantizer is needed to write them."""
    import torch
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize

    weight = weights(256, 384)
    tiles = weight.reshape(2, 128, 3, 128)
    scale = tiles.abs().amax((1, 3)) / 448
    codes = (tiles / scale[:, None, :, None]).reshape(256, 384).to(torch.float8_e4m3fn)
    reference = Fp8Dequantize(None)._dequantize_one(codes, scale, torch.float32)
    tensors, references = {"m.weight": codes, "m.weight_scale_inv": scale}, {"m.weight": reference}
    generator = torch.Generator().manual_seed(2)
    codes = torch.randint(-128, 128, (64, 48), dtype=torch.int8, generator=generator)
    scale = torch.randint(110, 135, (64, 3), dtype=torch.uint8, generator=generator).view(torch.float8_e8m0fnu)
    tensors |= {"experts.0.w1.weight": codes, "experts.0.w1.scale": scale}
    references["experts.0.w1.weight"] = Fp8Dequantize(None)._dequantize_one(codes, scale, torch.float32)
    config = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    return tensors, {"quantization_config": config}, references, torch_saver()


def gpt_oss():
    import torch
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    generator = torch.Generator().manual_seed(1)
    blocks = torch.randint(0, 256, (3, 64, 4, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(110, 135, (3, 64, 4), dtype=torch.uint8, generator=generator)
    # They hand out [experts, inputs, outputs].
    reference = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).transpose(1, 2)
    tensors = {"m.gate_up_proj_blocks": blocks, "m.gate_up_proj_scales": scales}
    return tensors, {"quantization_config": {"quant_method": "mxfp4"}}, {"m.gate_up_proj": reference}, torch_saver()


def bitsandbytes():
    import torch
    from bitsandbytes import functional

    tensors, references = {}, {}
    for quant_type in ("nf4", "fp4"):
        for nested in (False, True):
            for blocksize in (64, 256):
                name = f"{quant_type}-{'nested' if nested else 'plain'}-{blocksize}.weight"
                weight = weights(seed=blocksize)
                options = {"blocksize": blocksize, "quant_type": quant_type, "compress_statistics": nested}
                codes, state = functional.quantize_4bit(weight, **options)
                tensors[name] = codes
                tensors |= {f"{name}.{part}": tensor for part, tensor in state.as_dict(packed=True).items()}
                references[name] = functional.dequantize_4bit(codes, state)
    codes, scales, _ = functional.int8_vectorwise_quant(weights().half())
    tensors |= {"int8.weight": codes, "int8.SCB": scales, "int8.weight_format": torch.tensor(0, dtype=torch.uint8)}
    references["int8.weight"] = functional.int8_vectorwise_dequant(codes, scales).float()
    return tensors, {"quantization_config": {"quant_method": "bitsandbytes"}}, references, torch_saver()


def hqq():
    import torch
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    tensors, references = {}, {}
    for bits in (1, 2, 3, 4, 8):
        for axis in (0, 1):
            name = f"bits{bits}-axis{axis}"
            linear = torch.nn.Linear(COLUMNS, ROWS, bias=False)
            linear.weight.data = weights(seed=bits)
            quantize = BaseQuantizeConfig(nbits=bits, group_size=64, axis=axis)
            layer = HQQLinear(linear, quantize, compute_dtype=torch.float32, device="cpu")
            tensors |= {f"{name}.{part}": tensor for part, tensor in layer.state_dict().items()}
            references[f"{name}.weight"] = layer.dequantize()
    return tensors, {"quantization_config": {"quant_method": "hqq"}}, references, torch_saver()


def awq():
    import torch

    bare_package("awq")
    from awq.modules.linear.gemm import WQLinear_GEMM
    from awq.utils.packing_utils import dequantize_gemm

    group = 64
    weight = weights()
    tiles = weight.reshape(ROWS, -1, group)
    low, high = tiles.amin(-1), tiles.amax(-1)
    scales = ((high - low) / 15).half().float()
    zeros = (-low / scales).round().clamp(0, 15)
    linear = torch.nn.Linear(COLUMNS, ROWS, bias=False)
    # Codes stay inside four bits only for weights that were rounded before, as AutoAWQ does.
    codes = ((tiles / scales[..., None]).round() + zeros[..., None]).clamp(0, 15)
    linear.weight.data = ((codes - zeros[..., None]) * scales[..., None]).reshape(ROWS, COLUMNS)
    layer = WQLinear_GEMM.from_linear(linear, 4, group, scales=scales.t().contiguous(), zeros=zeros.t().contiguous())
    reference = dequantize_gemm(layer.qweight, layer.qzeros, layer.scales.float(), 4, group).t()
    tensors = {f"m.{part}": getattr(layer, part) for part in ("qweight", "qzeros", "scales")}
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}
    return tensors, {"quantization_config": config}, {"m.weight": reference}, torch_saver()


def gptq():
    import torch

    bare_package("auto_gptq")
    from auto_gptq.nn_modules.qlinear.qlinear_cuda import QuantLinear

    group = 64
    tensors, references = {}, {}
    for bits in (2, 3, 4, 8):
        for act_order in (False, True):
            name = f"bits{bits}-{'act-order' if act_order else 'plain'}"
            weight = weights(seed=bits)
            shuffled = torch.randperm(COLUMNS, generator=torch.Generator().manual_seed(bits))
            order = shuffled if act_order else torch.arange(COLUMNS)
            groups = torch.empty(COLUMNS, dtype=torch.int32)
            groups[order] = torch.arange(COLUMNS, dtype=torch.int32) // group
            sorted_tiles = weight[:, order].reshape(ROWS, -1, group)
            low, high = sorted_tiles.amin(-1), sorted_tiles.amax(-1)
            scales = ((high - low) / (2**bits - 1)).half().float()
            # At least 1: format v1 stores one less.
            zeros = (-low / scales).round().clamp(1, 2**bits - 1)
            by_column = groups.long()
            codes = ((weight / scales[:, by_column]).round() + zeros[:, by_column]).clamp(0, 2**bits - 1)
            linear = torch.nn.Linear(COLUMNS, ROWS, bias=False)
            linear.weight.data = (codes - zeros[:, by_column]) * scales[:, by_column]
            layer = QuantLinear(bits, group, COLUMNS, ROWS, False, kernel_switch_threshold=128)
            layer.pack(linear, scales, zeros.clone(), groups)
            tensors |= {f"{name}.{part}": getattr(layer, part) for part in ("qweight", "qzeros", "scales", "g_idx")}
            layer.scales = layer.scales.float()
            references[f"{name}.weight"] = layer(torch.eye(COLUMNS)).t()
    config = {"quant_method": "gptq", "bits": 4, "group_size": group, "desc_act": True, "checkpoint_format": "gptq"}
    return tensors, {"quantization_config": config}, references, torch_saver()


def mlx():
    import mlx.core as mx

    mx.set_default_device(mx.cpu)
    mx.random.seed(0)
    tensors, references = {}, {}
    config = {"group_size": 64, "bits": 4}

    def add(name, **options):
        parts = mx.quantize(mx.random.normal((ROWS, COLUMNS)) * 0.02, **options)
        tensors.update({f"{name}.{part}": tensor for part, tensor in zip(("weight", "scales", "biases"), parts)})
        references[f"{name}.weight"] = mx.dequantize(*parts, **options, dtype=mx.float32)
        config[name] = options

    for bits in (2, 3, 4, 5, 6, 8):
        for group_size in (32, 64, 128):
            add(f"bits{bits}-group{group_size}", bits=bits, group_size=group_size)
    for mode, bits, group_size in (("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)):
        add(mode, mode=mode, bits=bits, group_size=group_size)

    def save(arrays, path):
        mx.save_safetensors(path, arrays, {"format": "mlx"})

    return tensors, {"quantization": config}, references, save


METHODS = {
    "pack-quantized": pack_quantized,
    "int-quantized": int_quantized,
    "float-quantized": float_quantized,
    "nvfp4": nvfp4,
    "mxfp4": mxfp4,
    "finegrained-fp8": finegrained_fp8,
    "gpt-oss": gpt_oss,
    "bitsandbytes": bitsandbytes,
    "hqq": hqq,
    "awq": awq,
    "gptq": gptq,
    "mlx": mlx,
}

if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
