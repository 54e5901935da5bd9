"""Bars beside one another: accuracies, sizes, energies; they divide and add up, and compute nothing else."""

from collections.abc import Mapping, Sequence

import numpy as np

from eiesim._sums import added
from eiesim.energy.costs import EnergyCosts
from eiesim.evaluation import Accuracies
from eiesim.layer_result import LayerResult
from eiesim.training.trained import Trained
from eiesim.view import palette, style
from eiesim.view.panels import Note, Panel, Picture, Scale, Series, floats, names
from eiesim.view.words import MODULES, Words, folded

MOST_LAYERS = 9
"""Layers, at most, that have a colour each."""

COLOURS = (palette.BLUE, palette.ORANGE, palette.GREEN, palette.PURPLE, palette.SKY, palette.DARK)


def grouped(title: str, groups: Sequence[str], bars: Mapping[str, Sequence[float]], scale: Scale) -> Picture:
    """A group a name, a bar of each kind in it; bars[kind][group]. Logarithmic bars begin below the least."""
    width = 0.8 / len(bars)
    known = [value for values in bars.values() for value in values if value > 0]
    base = 10.0 ** np.floor(np.log10(min(known))) if scale.log and known else 0.0
    series = tuple(
        Series(
            kind, "bars", floats(g + (k - (len(bars) - 1) / 2) * width for g in range(len(groups))), floats(values),
            (COLOURS[k % len(COLOURS)],), base=(base,), width=width,
        )
        for k, (kind, values) in enumerate(bars.items())
    )  # fmt: skip
    panel = Panel(names(Words(""), groups), scale, series)
    return Picture(title, (panel,), (style.PAGE_IN, 3.0), legend="above")


def accuracies(found: Accuracies) -> Picture:
    """What each network recognises, by arithmetic."""
    table = found.to_frame()
    arithmetics = [name for name in table.columns if name != "network"]
    shares = {str(row["network"]): floats(row[name] for name in arithmetics) for _, row in table.iterrows()}
    scale = Scale(Words("accuracy", basis="simulated"), 0, 1.0, form=".0%")
    return grouped(f"Accuracy on {found.inputs:,} inputs", arithmetics, shares, scale)


def trained(found: Trained) -> Picture:
    """What a network recognises at each stage of its training."""
    shares = found.accuracy
    title = f"{found.recipe.method or 'masks'}: accuracy on {len(found.parts.held_out.labels):,} examples held out"
    return grouped(
        title, list(shares), {"float32": floats(shares.values())}, Scale(Words("accuracy"), 0, 1.0, form=".0%")
    )


def energies(layers: Sequence[LayerResult]) -> Picture | None:
    """Energy of each layer by module, a bar a layer; None where no layer has any. Of many layers those of most energy,
    and the mean of the rest.
    """
    known = [layer for layer in layers if layer.energy is not None]
    if not known:
        return None
    of = [layer.energy.by_module_uj for layer in known if layer.energy is not None]
    bars = [layer.name for layer in known]
    if len(known) > MOST_LAYERS:
        order = sorted(range(len(of)), key=lambda k: -sum(of[k].values()))
        most, others = sorted(order[: MOST_LAYERS - 1]), order[MOST_LAYERS - 1 :]
        mean = {name: added(of[k].get(name, 0.0) for k in others) / len(others) for one in of for name in one}
        of = [*(of[k] for k in most), mean]
        bars = [*(bars[k] for k in most), f"mean of {len(others)} others"]
    modules = list(dict.fromkeys(name for one in of for name in one))
    reached, series = np.zeros(len(bars)), []
    for module in modules:
        ends = reached + [one.get(module, 0.0) for one in of]
        colour = palette.MODULES.get(module, palette.DARK)
        series.append(
            Series(
                MODULES.get(module, module), "bars", floats(range(len(bars))), floats(ends), (colour,),
                base=floats(reached), width=0.66,
            )
        )  # fmt: skip
        reached = ends
    notes = tuple(Note(f"{total:.3g}", x, total) for x, total in enumerate(reached))
    panel = Panel(
        names(Words(""), folded(bars, 78)),
        Scale(Words("energy of an input", "µJ", "estimated"), 0, float(reached.max()) * 1.12 or 1.0),
        tuple(series),
        notes=notes,
    )
    model = known[0].energy.model if known[0].energy else ""
    return Picture(
        f"Energy by module on {known[0].config.pes} PEs{known[0].config.variant}", (panel,), (style.PAGE_IN, 3.2),
        f"estimated, energy model {model}, of simulated counts", legend="right",
    )  # fmt: skip


def costs(table: EnergyCosts) -> Picture:
    """What an event costs, most first, a colour a module."""
    of: dict[tuple[str, str], float] = {}
    for one in table:
        of[one.event, one.module] = of.get((one.event, one.module), 0.0) + one.energy_pj
    order = sorted(of, key=lambda key: -of[key])
    series = []
    for module in dict.fromkeys(module for _, module in order):
        own = [(place, of[key]) for place, key in enumerate(order) if key[1] == module]
        places, values = zip(*own, strict=True)
        colour = palette.MODULES.get(module, palette.DARK)
        series.append(
            Series(MODULES.get(module, module), "hbars", floats(values), floats(places), (colour,), width=0.7)
        )
    panel = Panel(
        Scale(Words("energy of one", "pJ", "estimated"), 0),
        names(Words(""), [event.replace("_", " ") for event, _ in order], downward=True),
        tuple(series),
    )
    title = f"What an event costs: {table.machine}"
    return Picture(title, (panel,), (style.PAGE_IN, 1.0 + 0.17 * len(order)), legend="right")
