"""eiesim.balance_each: every layer of a source balanced by itself, and written."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from eiesim._io.atomic import Outputs, check_targets
from eiesim._io.names import file_stems
from eiesim._progress import Steps, Told, telling
from eiesim.balancing import study
from eiesim.balancing.study import Balance
from eiesim.config import as_config
from eiesim.errors import EieError
from eiesim.files import npz
from eiesim.files.guarding import guarded
from eiesim.inputs import Opening, Source
from eiesim.outputs import filling
from eiesim.prepared import Config, opened_each, prepare_workload
from eiesim.simulation import DEFAULT_ENGINE


@telling
@guarded("source", "inputs", "config", fills=("output",))
def balance_each(
    source: Source,
    inputs: Any = (),
    config: Config = None,
    engine: str = DEFAULT_ENGINE,
    *,
    recorded: bool = False,
    output: str | Path | None = None,
    progress: Told = None,
    **opening: Unpack[Opening],
) -> list[Balance]:
    """Balance every layer of a source by itself, and write the layers as their weights alone balance them.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`, each layer with its own input; see `open_each`.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        For what brings none: one for all, or one for each.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine, with resident weights; None is the published design.
    engine : str, default "recurrence"
        See `simulate`.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    output : path, default None
        A folder for NAME.npz, the balanced layer, and NAME-order.npy, its rows' order; None writes nothing.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step a layer; see `progress`.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    list of Balance
        One a layer; see `balance`.

    Raises
    ------
    EieError
        As `balance` does, and where a file of another's stands in the folder under a name to be written.

    Examples
    --------
    >>> import eiesim
    >>> [one.assignments[0].layer.name for one in eiesim.balance_each(["table3:NT-We", "table3:NT-LSTM"])]
    ['NT-We', 'NT-LSTM']
    """
    machine = as_config(config)
    makers = opened_each(source, inputs, recorded, **opening)
    stems = [] if output is None else file_stems([make().layer.name for make in makers])
    with nullcontext(Path()) if output is None else filling(output) as folder:
        _check_folder(folder, stems)
        steps, found = Steps(progress, len(makers), "layers"), []
        for make in makers:
            found.append(study.balance(prepare_workload(make(), machine), engine))
            steps()
        with Outputs() as files:
            for stem, one in zip(stems, found, strict=bool(stems)):
                npz.save_to(files.open(folder / f"{stem}.npz"), one.assignments[1].layer)
                np.save(files.open(folder / f"{stem}-order.npy"), np.asarray(one.assignments[1].order))
    return found


def _check_folder(folder: Path, stems: list[str]) -> None:
    """Pairs of files that an earlier call wrote may be replaced, and nothing else."""
    pairs = [(folder / f"{stem}.npz", folder / f"{stem}-order.npy") for stem in stems]
    for pair in pairs:
        for path, partner in (pair, pair[::-1]):
            if path.exists() and not partner.exists():
                raise EieError(f"{path}: is there already and is not balance's; name another folder")
    check_targets(path for pair in pairs for path in pair)
