"""Where the saving comes from: the energy of fetching a layer's weights, step by step (EIE Sec. I)."""

from dataclasses import dataclass

from eiesim.energy.operations import operation_pj
from eiesim.paper import source
from eiesim.result import LayerResult

WORD_BITS = 32


@dataclass(frozen=True)
class Step:
    """One step of the waterfall.

    energy_uj: of fetching the weights after the step. saving: the energy before the step over that after it; below 1
    the step costs energy. paper_saving: the saving that the paper names, None where it names none.
    """

    name: str
    energy_uj: float
    saving: float
    paper_saving: float | None


def waterfall(layer: LayerResult) -> list[Step]:
    """Energy of fetching the weights for one input of a layer, from dense weights in DRAM to EIE's compressed ones.

    A 32-bit word costs 640 pJ from DRAM and 5 pJ from SRAM (EIE Table I). Fewer bits cost in proportion. The paper's
    steps count codes alone; the last step adds the relative indices and the padding that storing them takes. These
    energies follow from bits only. They are not the energy of the run, which depends on the width of the real array
    and on the rest of the PE. A bias is a column of the run, but not of the dense matrix. Over a batch they are means.
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
