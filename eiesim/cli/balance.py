"""eiesim balance."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Fed, Layers, Machine, Shown
from eiesim.errors import EieError


@command()
def balance(
    layers: Layers,
    fed: Fed,
    machine: Machine,
    shown: Shown,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each layer balanced by its weights, and its rows' order."),
        Role.FILLS,
    ] = None,
) -> None:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    Causes add up to the cycles exactly. Rows are balanced greedily, once by the weights alone and once knowing the
    input; both are simulated, and their outputs, put back in order, are checked to be the same bit for bit.

    \b
    eiesim balance table3:Alex-8 --variation 0.15
    eiesim balance fc.npz -i x.npy --pes 256 --save balanced     writes balanced/NAME.npz and NAME-order.npy
    """
    import numpy as np

    from eiesim._io.atomic import check_targets
    from eiesim._io.names import file_stems
    from eiesim.balancing import study
    from eiesim.balancing.terminal import balance_table
    from eiesim.files import npz
    from eiesim.outputs import Outputs, made_folder
    from eiesim.prepared import prepare_layer

    screen, configured = shown.screen(), machine.chosen()
    makers = fed.workloads(layers)
    stems = file_stems([make().layer.name for make in makers]) if save is not None else []
    saved = [made_folder(save) / f"{stem}{end}" for stem in stems for end in (".npz", "-order.npy")] if save else []
    for path in saved:
        # Pairs that an earlier call wrote may be replaced, and nothing else.
        if path.exists() and not path.with_name(_partner(path.name)).exists():
            raise EieError(f"{path}: is there already and is not balance's; name another folder")
    check_targets(saved)
    found = []
    for make in makers:
        workload = make()
        found.append(study.balance(prepare_layer(workload.layer, workload.activations, configured)))
        screen.show(balance_table(found[-1]))
    report = {"config": configured.to_dict(), "layers": [one.to_dict() for one in found]}
    with Outputs() as files:
        if save is not None:
            for stem, one in zip(stems, found, strict=True):
                npz.save_to(files.open(save / f"{stem}.npz"), one.assignments[1].layer)
                np.save(files.open(save / f"{stem}-order.npy"), np.asarray(one.assignments[1].order))
        files.json(report, shown.json, "eiesim-balance/1")


def _partner(name: str) -> str:
    """The other file of a pair: NAME.npz and NAME-order.npy."""
    return name.replace("-order.npy", ".npz") if name.endswith("-order.npy") else name.replace(".npz", "-order.npy")
