"""The pages whose commands and code are run, and what each needs beside a plain install."""

EXECUTED: dict[str, tuple[str, ...]] = {
    "README.md": ("torch",),
    "docs/tutorial.md": ("torch", "mlxtend", "onnx", "onnxruntime", "onnxscript", "safetensors", "bokeh"),
    "docs/how-it-works.md": (),
    "docs/step-through.md": (),
    "docs/energy.md": (),
    "docs/how-to/own-layers.md": ("torch", "onnxruntime", "safetensors"),
    "docs/how-to/energy-table.md": (),
    "docs/how-to/cluster.md": ("distributed",),
    "docs/how-to/ci.md": (),
    "docs/sweeps.md": (),
}
