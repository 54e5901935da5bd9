"""Pickles (.pt, .pth, .bin, .ckpt, .pkl): never opened, for that may run code; refused with what converts them."""

from pathlib import Path

from eiesim._io.reading import check_regular
from eiesim.errors import EieError
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.weights import DenseNetwork


def refuse_pickle(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """Raise EieError with the line that makes a safetensors file of a pickle of PyTorch's."""
    check_regular(path)
    inner = '["state_dict"]' if path.suffix == ".ckpt" else ""
    target = str(path.with_suffix(".safetensors"))
    raise EieError(
        f"{path}: is a pickle, which may run code, and is never opened; convert it in Python: import torch, "
        f"safetensors.torch; safetensors.torch.save_file(torch.load({str(path)!r}, weights_only=True){inner}, "
        f"{target!r}); or load the module and call eiesim.compress(module)"
    )
