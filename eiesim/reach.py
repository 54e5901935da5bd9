"""How many PEs a broadcast gives work: those that hold an entry of its column; of a depthwise layer one at most."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._shown import counted
from eiesim.encoding import InterleavedLayer


class Reach(NamedTuple):
    """Of the broadcasts of a run, the bias's left out.

    broadcasts: how many there are. most, mean: PEs that have work on one. pes: PEs in all.
    """

    broadcasts: int
    most: int
    mean: float
    pes: int

    @property
    def words(self) -> str:
        """At most how many PEs have work on a broadcast."""
        have = "has" if self.most == 1 else "have"
        return f"at most {self.most} of {counted(self.pes, 'PE')} {have} work on a broadcast"


def reach(layer: InterleavedLayer, times_sent: npt.NDArray[Any]) -> Reach:
    """times_sent: int[cols or more], how often each column is broadcast."""
    times = np.asarray(times_sent, np.int64)[: layer.layer.cols]
    reached = np.count_nonzero(layer.tables.counts[: layer.layer.cols], axis=1)
    broadcasts = int(times.sum())
    most = int(reached[times > 0].max()) if broadcasts else 0
    return Reach(broadcasts, most, float(times @ reached) / broadcasts if broadcasts else 0.0, layer.pes)
