"""Makes coreml.tar.xz: packages that coremltools wrote, and the weights that its own decompression gives.

python tests/files/containers/make_coreml.py   # coremltools 9.0, torch 2.13.0, scikit-learn 1.9.1
"""

import tarfile
import tempfile
from pathlib import Path

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
import torch

HERE = Path(__file__).parent
torch.manual_seed(25)


def converted(module, example, target, precision=ct.precision.FLOAT16):
    return ct.convert(
        torch.jit.trace(module.eval(), example), inputs=[ct.TensorType(shape=tuple(example.shape))],
        convert_to="mlprogram", minimum_deployment_target=target, compute_precision=precision, skip_model_load=True,
    )  # fmt: skip


def every(config):
    return cto.OptimizationConfig(global_config=config)


def packages():
    ios15, ios16, ios18 = ct.target.iOS15, ct.target.iOS16, ct.target.iOS18
    net = torch.nn.Sequential(torch.nn.Linear(24, 12), torch.nn.ReLU(), torch.nn.Linear(12, 6), torch.nn.Softmax(-1))
    example = torch.zeros(1, 24)
    four = cto.OpPalettizerConfig(nbits=4, mode="kmeans", weight_threshold=0)
    pruned = cto.OpMagnitudePrunerConfig(target_sparsity=0.7, weight_threshold=0)
    linear = cto.OpLinearQuantizerConfig(mode="linear", weight_threshold=0)
    dense = {target: converted(net, example, target) for target in (ios15, ios16, ios18)}
    yield "dense15", dense[ios15]
    yield "dense18_float32", converted(net, example, ios18, ct.precision.FLOAT32)
    for name, target in (("16", ios16), ("18", ios18)):
        yield f"palettised{name}", cto.palettize_weights(dense[target], every(four))
        yield f"sparse{name}", cto.prune_weights(dense[target], every(pruned))
        yield f"quantised{name}", cto.linear_quantize_weights(dense[target], every(linear))
    sparse = cto.prune_weights(dense[ios18], every(pruned))
    yield "sparse_palettised18", cto.palettize_weights(sparse, every(four), joint_compression=True)
    wide = cto.prune_weights(converted(net, example, ios18, ct.precision.FLOAT32), every(pruned))
    yield "sparse_palettised18_float32", cto.palettize_weights(wide, every(four), joint_compression=True)
    yield "sparse_quantised18", cto.linear_quantize_weights(sparse, every(linear), joint_compression=True)
    blocks = cto.OpLinearQuantizerConfig(
        mode="linear", dtype="int4", granularity="per_block", block_size=8, weight_threshold=0
    )
    yield "blocks18", cto.linear_quantize_weights(dense[ios18], every(blocks))
    groups = cto.OpPalettizerConfig(
        nbits=2, mode="kmeans", granularity="per_grouped_channel", group_size=4, weight_threshold=0
    )
    yield "palettised_groups18", cto.palettize_weights(dense[ios18], every(groups))
    scaled = cto.OpPalettizerConfig(
        nbits=3, mode="kmeans", granularity="per_grouped_channel", group_size=6, enable_per_channel_scale=True,
        weight_threshold=0,
    )  # fmt: skip
    yield "palettised_scaled18", cto.palettize_weights(dense[ios18], every(scaled))
    vectors = cto.OpPalettizerConfig(nbits=3, mode="kmeans", cluster_dim=2, weight_threshold=0)
    yield "palettised_vectors18", cto.palettize_weights(dense[ios18], every(vectors))
    image = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(20, 3, bias=False), torch.nn.Tanh(),
    )  # fmt: skip
    yield "image18", converted(image, torch.zeros(1, 3, 4, 4), ios18, ct.precision.FLOAT32)


def nameless(member):
    """A member without the time and the user of this run."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def main():
    folder, values = Path(tempfile.mkdtemp()), {}
    for name, model in packages():
        model.save(str(folder / f"{name}.mlpackage"))
        whole = model if "dense" in name or "image" in name else cto.decompress_weights(model)
        for weight, about in cto.get_weights_metadata(whole, weight_threshold=0).items():
            if about.val.ndim > 1:
                values[f"{name}/{len([one for one in values if one.startswith(name + '/')])}"] = about.val
            print(name, weight, about.val.shape)
    np.savez_compressed(folder / "values.npz", **values)
    with tarfile.open(HERE / "coreml.tar.xz", "w:xz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name, filter=nameless)


main()
