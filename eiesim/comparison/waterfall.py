"""Where the saving comes from: the energy of fetching a layer's weights, step by step (EIE Sec. I)."""

from dataclasses import dataclass

from eiesim.energy.operations import operation_pj
from eiesim.paper import source
from eiesim.result import LayerResult

WORD_BITS = 32


@dataclass(frozen=True)
class Step:
    """One step of the waterfall.

    energy_uj: of fetching weights after the step. saving: of the step before over this one, below 1 for a cost.
    paper_saving: what the paper says of the step, None where it names none.
    """

    name: str
    energy_uj: float
    saving: float
    paper_saving: float | None


def waterfall(layer: LayerResult) -> list[Step]:
    """Weights fetched for one input of a layer: from DRAM, dense, to as EIE fetches them.

    A 32-bit word costs 640 pJ from DRAM and 5 pJ from SRAM (EIE Table I); fewer bits cost in proportion. The paper's
    steps count codes alone; the last step adds what storing them takes, relative indices and padding. It is a
    reckoning by bits, not the energy of the run: that has the real array's width and the rest of the PE.
    A bias is a column of the run, not of the dense matrix. Over a batch: means.
    """
    pj = operation_pj()
    dram, sram = (pj[name] / WORD_BITS * 1e-6 for name in ("DRAM (LPDDR2) read 32b", "SRAM 32KB read 32b"))
    code, entry = layer.config.weight_bits, layer.config.entry_bits
    dense = layer.rows * layer.cols
    steps = (
        ("dense, DRAM", dense * WORD_BITS * dram, None),
        ("dense, SRAM", dense * WORD_BITS * sram, "saving_dram_to_sram"),
        ("pruned", layer.nnz * WORD_BITS * sram, "saving_weight_sparsity"),
        ("weights shared", layer.nnz * code * sram, "saving_weight_sharing"),
        ("zero activations skipped", layer.counters.macs * code * sram, "saving_zero_activations"),
        ("with indices and padding", layer.counters.entries * entry * sram, None),
    )
    made: list[Step] = []
    for name, energy_uj, key in steps:
        before = made[-1].energy_uj if made else energy_uj
        saving = before / energy_uj if energy_uj else 0.0
        made.append(Step(name, energy_uj, saving, source.constant(key) if key else None))
    return made
