"""Makes this folder's files with the tools whose files they are; `dense.npz` has each tool's own dense values.

    python make.py FOLDER compressed-tensors old-compressed-tensors gptqmodel auto-gptq autoawq bitsandbytes

Each name is a tool that is installed; they do not all install beside one another. Versions that made what is here, on
CPU, with torch 2.13.0, safetensors 0.8.0, transformers 5.24.0: compressed-tensors 0.20.0 (old: 0.12.2), GPTQModel
7.7.0, auto-gptq 0.7.1 (the file of its packing alone), autoawq 0.2.9 (its source), bitsandbytes 0.50.2.
Dense values are in float32: where a tool multiplies in 16 bits, scales are widened first.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
OUT, IN = 8, 64
PACKED = 32
"""Rows and columns of GPTQ's layers, whose columns of zero points are whole words."""


def weights(seed, rows=OUT, cols=IN):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((rows, cols)).astype(np.float32))


def affine(weight, bits, size, symmetric, dtype=torch.float16):
    """Scales and zero points by row and group, [rows, groups], as GPTQ and AWQ find them."""
    grouped = weight.reshape(len(weight), -1, size)
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    if symmetric:
        high = torch.maximum(high, -low)
        low = -high
    scale = ((high - low) / (2**bits - 1)).to(dtype).float()
    middle = torch.full_like(scale, 2 ** (bits - 1))
    return scale, middle if symmetric else torch.round(-low / scale).clamp(1, 2**bits - 1)


class Folder:
    """Files as they are made, and the dense values."""

    def __init__(self, path):
        self.path, self.dense = path, {}

    def add(self, name, tensors, dense, like=None):
        """like: a file of the same dense values, which are not kept twice."""
        held = {f"fc1.{key}": value.detach().contiguous().clone() for key, value in tensors.items()}
        save_file(held, self.path / f"{name}.safetensors")
        values = dense.detach().float().numpy()
        if like is None:
            self.dense[name] = values
        elif not np.array_equal(self.dense[like], values):
            raise SystemExit(f"{name} has other values than {like}")


def compressed_tensors(folder):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.lifecycle.forward import dequantize
    from compressed_tensors.quantization.utils import calculate_qparams

    def made(name, form, seed=1, rows=OUT, cols=IN, indices=None, dtype=torch.float32, of=None, **about):
        args = QuantizationArgs(**about)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        weight = weights(seed, rows, cols)
        if args.block_structure:
            high, wide = args.block_structure
            grouped = weight.reshape(rows // high, high, cols // wide, wide).transpose(1, 2).flatten(2)
        elif args.group_size:
            grouped = weight.reshape(rows, -1, args.group_size)
        else:
            grouped = weight.reshape(1, 1, -1) if args.strategy == "tensor" else weight.reshape(rows, 1, -1)
        found = torch.tensor([448 * 6 / weight.abs().max()]) if args.strategy == "tensor_group" else None
        scale, zeros = calculate_qparams(grouped.amin(-1), grouped.amax(-1), args, global_scale=found)
        scale = scale.to(dtype).reshape(-1) if args.strategy == "tensor" else scale.to(dtype)
        state = {"weight": weight, "weight_scale": scale, "weight_zero_point": zeros.reshape(scale.shape)}
        if found is not None:
            state["weight_global_scale"] = found
        compressor = BaseCompressor.get_value_from_registry(form)
        stored = compressor.compress(state, scheme)
        wide = {key: value.float() if key == "weight_scale" and value.dtype == dtype else value
                for key, value in stored.items()}  # fmt: skip
        dense = compressor.decompress(wide, scheme)["weight"]
        if of is not None:
            dense = of(stored, args, dequantize)
        folder.add(name, stored, dense)

    made("ct-int4-group", "pack-quantized", num_bits=4, strategy="group", group_size=32, dtype=torch.bfloat16)
    made("ct-int4-channel", "pack-quantized", num_bits=4, strategy="channel")
    made("ct-int4-tensor", "pack-quantized", num_bits=4, strategy="tensor")
    made("ct-int4-asymmetric", "pack-quantized", num_bits=4, strategy="group", group_size=16, symmetric=False, rows=14)
    made("ct-int8-asymmetric", "pack-quantized", num_bits=8, strategy="channel", symmetric=False)
    made("ct-int3-straddling", "pack-quantized", num_bits=3, strategy="channel", symmetric=False, rows=14)
    made("ct-int8", "int-quantized", num_bits=8, strategy="channel")
    made("ct-int8-tensor", "int-quantized", num_bits=8, strategy="tensor", symmetric=False)
    made("ct-float8", "float-quantized", num_bits=8, type="float", strategy="channel")
    made("ct-float8-tensor", "float-quantized", num_bits=8, type="float", strategy="tensor")
    made("ct-float8-block", "float-quantized", num_bits=8, type="float", strategy="block", block_structure=[4, 32])
    made("ct-mxfp8", "mxfp8-quantized", num_bits=8, type="float", strategy="group", group_size=32,
         scale_dtype=torch.uint8)  # fmt: skip

    def of_float4(stored, args, dequantize):
        from compressed_tensors.compressors.mx_utils import decompress_mx_scale
        from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8

        scale, found = stored["weight_scale"], stored.get("weight_global_scale")
        scale = decompress_mx_scale(scale).float() if scale.dtype == torch.uint8 else scale.float()
        codes = unpack_fp4_from_uint8(stored["weight_packed"], OUT, IN, dtype=torch.float32)
        return dequantize(x_q=codes, scale=scale, args=args, global_scale=found, dtype=torch.float32)

    made("ct-nvfp4", "nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16,
         scale_dtype=torch.float8_e4m3fn, of=of_float4)  # fmt: skip
    made("ct-mxfp4", "mxfp4-pack-quantized", num_bits=4, type="float", strategy="group", group_size=32,
         scale_dtype=torch.uint8, of=of_float4)  # fmt: skip
    made("ct-mxfp6", "mxfp6-pack-quantized", num_bits=6, type="float", strategy="group", group_size=32,
         scale_dtype=torch.uint8)  # fmt: skip


def old_compressed_tensors(folder):
    from compressed_tensors.compressors.quantized_compressors.pack_quantized import PackedQuantizationCompressor
    from compressed_tensors.compressors.sparse_compressors.sparse_24_bitmask import (
        Sparse24BitMaskCompressor,
        get_24_bytemasks,
    )
    from compressed_tensors.compressors.sparse_compressors.sparse_bitmask import BitmaskCompressor
    from compressed_tensors.config import BitmaskConfig, Sparse24BitMaskConfig
    from compressed_tensors.quantization import QuantizationArgs

    dense = weights(2, OUT, 60) * (weights(3, OUT, 60) > 0.8)
    stored = BitmaskCompressor(BitmaskConfig()).compress({"fc1.weight": dense})
    folder.add("ct-sparse-bitmask", {key[4:]: value for key, value in stored.items()}, dense)

    dense = weights(4)
    dense *= get_24_bytemasks(dense)
    stored = Sparse24BitMaskCompressor(Sparse24BitMaskConfig()).compress({"fc1.weight": dense})
    folder.add("ct-sparse-24", {key[4:]: value for key, value in stored.items()}, dense)

    args = QuantizationArgs(num_bits=3, strategy="group", group_size=32)
    packing = PackedQuantizationCompressor.__new__(PackedQuantizationCompressor)
    weight = weights(5)
    scale = weight.reshape(OUT, -1, 32).abs().amax(-1) / 3.5
    zeros = torch.zeros_like(scale, dtype=torch.int8)
    for name, indices in (("ct-old-int3", None), ("ct-old-g-idx", torch.randperm(IN).to(torch.int32) // 32)):
        if indices is not None:
            args = QuantizationArgs(num_bits=4, strategy="group", group_size=32)
        stored = packing.compress_weight(weight=weight, scale=scale, zero_point=zeros, g_idx=indices,
                                         quantization_args=args)  # fmt: skip
        stored |= {"weight_scale": scale} | ({} if indices is None else {"weight_g_idx": indices})
        folder.add(name, stored, packing.decompress_weight(dict(stored), quantization_args=args))


def gptqmodel(folder):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module

    class Config:
        """What the conversion asks for."""

        def __init__(self, bits):
            self.bits, self.pack_dtype = bits, torch.int32

    def made(name, bits, size, symmetric=False, ordered=False, version=1, like=None):
        weight = weights(10 + bits, PACKED, PACKED)
        linear = torch.nn.Linear(PACKED, PACKED, bias=True)
        linear.weight.data = weight.clone()
        scale, zeros = affine(weight, bits, size, symmetric)
        indices = torch.arange(PACKED, dtype=torch.int32) // size
        if ordered:
            indices = indices[torch.from_numpy(np.random.default_rng(0).permutation(PACKED))]
            grouped = torch.stack([weight[:, indices == g].abs().amax(-1) for g in range(PACKED // size)], dim=1)
            scale = (grouped / 2 ** (bits - 1)).half().float()
            zeros = torch.full_like(scale, 2 ** (bits - 1))
        packed = TorchLinear(bits, size, symmetric, ordered, PACKED, PACKED, bias=True)
        packed.pack_original(linear, scale, zeros, indices)
        half = packed.scales
        packed.scales = half.float()
        dense = packed.dequantize_weight().T
        packed.scales = half
        if version == 1:
            convert_gptq_v2_to_v1_format_module(packed, Config(bits))
        folder.add(
            name, {key: getattr(packed, key) for key in ("qweight", "qzeros", "scales", "g_idx", "bias")}, dense, like
        )

    for bits in (2, 3, 4, 8):
        made(f"gptq-v1-{bits}", bits, 16)
        made(f"gptq-v2-{bits}", bits, 16, version=2, like=f"gptq-v1-{bits}")
    made("gptq-v1-act-order", 4, 16, ordered=True)
    made("gptq-v1-symmetric", 4, PACKED, symmetric=True)
    made("gptq-v2-symmetric", 4, 16, symmetric=True, version=2)


def auto_gptq(folder):
    """Needs nothing of auto-gptq but nn_modules/qlinear/qlinear_cuda_old.py, beside this script."""
    spec = importlib.util.spec_from_file_location("qlinear_cuda_old", sys.path[0] + "/qlinear_cuda_old.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for bits in (3, 4):
        weight = weights(20 + bits, PACKED, PACKED)
        linear = torch.nn.Linear(PACKED, PACKED, bias=False)
        linear.weight.data = weight.clone()
        scale, zeros = affine(weight, bits, 16, False)
        packed = module.QuantLinear(bits, 16, PACKED, PACKED, False, weight_dtype=torch.float32)
        packed.pack(linear, scale, zeros.clone(), None)
        dense = packed(torch.eye(PACKED)).T
        packed.scales = packed.scales.half()
        folder.add(f"auto-gptq-{bits}", {key: getattr(packed, key) for key in ("qweight", "qzeros", "scales", "g_idx")},
                   dense)  # fmt: skip


def autoawq(folder):
    from awq.modules.linear.gemm import WQLinear_GEMM
    from awq.modules.linear.gemv import WQLinear_GEMV
    from awq.utils.packing_utils import dequantize_gemm

    weight = weights(30, PACKED, IN)
    linear = torch.nn.Linear(IN, PACKED, bias=True)
    linear.weight.data = weight.clone()
    scale, zeros = affine(weight, 4, 32, False)
    packed = WQLinear_GEMM.from_linear(linear, 4, 32, scales=scale.T.contiguous(), zeros=zeros.T.contiguous())
    dense = dequantize_gemm(packed.qweight, packed.qzeros, packed.scales.float(), 4, 32).T
    folder.add("awq-gemm", {key: getattr(packed, key) for key in ("qweight", "qzeros", "scales", "bias")}, dense)
    packed = WQLinear_GEMV.from_linear(linear, 4, 32, scales=scale, zeros=zeros)
    folder.add("awq-gemv", {key: getattr(packed, key) for key in ("qweight", "qzeros", "scales", "bias")}, dense,
               like="awq-gemm")  # fmt: skip


def bitsandbytes(folder):
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    for name, kind, nested in (
        ("bnb-nf4", "nf4", False),
        ("bnb-nf4-bfloat16", "nf4", False),
        ("bnb-nf4-nested", "nf4", True),
        ("bnb-fp4", "fp4", False),
    ):
        storage = torch.bfloat16 if name.endswith("bfloat16") else torch.uint8
        layer = Linear4bit(IN, OUT, bias=True, quant_type=kind, compress_statistics=nested, quant_storage=storage)
        layer.weight.data.copy_(weights(40))
        layer = layer.to("cpu")
        folder.add(name, layer.state_dict(), dequantize_4bit(layer.weight.data, layer.weight.quant_state),
                   like="bnb-nf4" if name == "bnb-nf4-bfloat16" else None)  # fmt: skip
    layer = Linear8bitLt(IN, OUT, bias=True, has_fp16_weights=False)
    layer.weight.data.copy_(weights(41))
    layer = layer.to("cpu")
    state = layer.state_dict()
    from bitsandbytes.functional import int8_vectorwise_dequant

    folder.add("bnb-int8", state, int8_vectorwise_dequant(state["weight"], state["SCB"]))


def main(path, *tools):
    folder = Folder(Path(path))
    if (folder.path / "dense.npz").is_file():
        folder.dense |= dict(np.load(folder.path / "dense.npz"))
    for tool in tools:
        torch.manual_seed(0)
        globals()[tool.replace("-", "_")](folder)
    np.savez_compressed(folder.path / "dense.npz", **folder.dense)


if __name__ == "__main__":
    main(*sys.argv[1:])
