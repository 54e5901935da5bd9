"""eiesim balance."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Fills, command
from eiesim.cli.options import Fed, Formats, Layers, Machine, Shown, Style


@command()
def balance(
    layers: Layers,
    fed: Fed,
    save: Annotated[
        Path | None, Fills("Write each layer balanced by its weights, and its rows' order.", metavar="DIR")
    ] = None,
    plot: Annotated[Path | None, Fills("Draw where the cycles go, a picture a layer.", metavar="DIR")] = None,
    formats: Formats = None,
    style: Style = "screen",
    *,
    machine: Machine,
    shown: Shown,
) -> None:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    Causes add up to the cycles exactly. Rows are balanced greedily, once by the weights alone and once knowing the
    input; both are simulated, and their outputs, put back in order, are checked to be the same bit for bit.

    \b
    eiesim balance table3:Alex-8 --variation 0.15
    eiesim balance fc.npz -i x.npy --pes 256 --save balanced     writes balanced/NAME.npz and NAME-order.npy
    """
    from eiesim.balancing.terminal import balance_table

    screen, configured = shown.screen(), machine.chosen()
    with screen.progress() as progress:
        found = eiesim.balance_each(layers, fed.input or (), configured, output=save, progress=progress, **fed.how())
    if plot is not None:
        eiesim.plot(found, plot, formats=formats, style=style)
    screen.show(*(part for one in found for part in (balance_table(one), one.sentence) if part))
    shown.write_report("eiesim-balance/1", {"config": configured.to_dict(), "layers": [one.to_dict() for one in found]})
