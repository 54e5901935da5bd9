"""docs/four-bits.md: its roundings and its block are what they are called, and what it says holds of its tables."""

from pathlib import Path

import numpy as np
import pytest

from studies import four_bits
from tests.studies.claims import Claim, check

PAGE = Path(__file__).parents[2] / "docs" / "four-bits.md"
N = r"([\d,.]+)"
P = rf"{N}%"
FACTS = ["What EIE cannot hold is a scale by block", "Scales by row could be kept outside", "EIE has no multiplier"]


def tables():
    """The cells of both tables of the page."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    cut = next(place for place, row in enumerate(cells) if row[1] == "linear")
    return cells[2:cut], cells[cut + 2 :]


def figure(text):
    return float(text.rstrip("%").replace(",", ""))


def claims(rows, beginnings):
    """Each sentence, with what must be so in the tables."""
    found = {row[0]: row for row in rows}
    exact, one, by_row, groups, nf, mx, half, quarter, tenth = (found[name] for name in four_bits.SCHEMES)
    blocked = (groups, nf, mx)

    def of(column, *which):
        return tuple(figure(row[column]) for row in which)

    different, zeros, alone, on_eie, cycles = 1, 2, 5, 6, 8
    begun = {row[0]: [figure(cell) for cell in row[1:]] for row in beginnings}
    floats, few = begun["float32"], begun["MXFP4, blocks of 32"]
    return [
        Claim(
            rf"In groups of 32 int4 makes {N} different values of a matrix, NF4 {N}, MXFP4 {N}, and even a scale a row makes {N}: "
            r"they are shared anew, by k-means, like any other weights\.",
            lambda *shown: (
                shown == of(different, groups, nf, mx, by_row)
                and all(row[7] == "k-means" for row in (by_row, *blocked))
                and min(shown) > 15
            ),
        ),
        Claim(
            rf"Integers with one scale a matrix are {N} values, and are kept exactly\.",
            lambda shown: (shown,) == of(different, one) and shown <= 15 and one[7] == "as it was" and one[3] == one[4],
        ),
        Claim(
            rf"That is no reason to want them: their output is off by {P}, that of float32's weights in 16 shared values by {P}\.",
            lambda theirs, ours: (
                (theirs, ours) == (*of(alone, one), *of(on_eie, exact))
                and theirs > max(of(on_eie, exact, by_row, *blocked))
            ),
        ),
        Claim(
            rf"What is lost by sharing anew: the output is off by {P} in groups of 32 and by {P} on EIE, by {P} and {P} in NF4, by {P} and {P} in MXFP4\.",
            lambda *shown: (
                shown == tuple(figure(row[column]) for row in blocked for column in (alone, on_eie))
                and all(row[alone] != row[on_eie] and figure(row[alone]) < figure(row[on_eie]) for row in blocked)
            ),
        ),
        Claim(
            rf"Whoever has the float32 weights should compress these: {P}, less than from any of the three\.",
            lambda shown: (shown,) == of(on_eie, exact) and shown < min(of(on_eie, *blocked)),
        ),
        Claim(
            rf"Rounding to four bits makes zeros, and EIE skips them: {P} of the weights with one scale a matrix, {P} in groups of 32, {P} in MXFP4, {P} in NF4; "
            rf"a token takes {N} cycles with float32's weights, {N}, {N}, {N} and {N} with these\.",
            lambda *shown: (
                shown == (*of(zeros, one, groups, mx, nf), *of(cycles, exact, one, groups, mx, nf))
                and min(shown[:4]) > figure(exact[zeros])
                and max(shown[5:]) < shown[4]
            ),
        ),
        Claim(
            rf"Pruning without retraining costs more the less it leaves: the output is off by {P} at 50 %, {P} at 25 % and {P} at 10 %, for {N}, {N} and {N} cycles\.",
            lambda *shown: (
                shown == (*of(on_eie, half, quarter, tenth), *of(cycles, half, quarter, tenth))
                and shown[0] < shown[1] < shown[2]
            ),
        ),
        Claim(
            r"Of this, sharing 16 values is the lesser part\.",
            lambda: all(
                figure(row[on_eie]) - figure(row[alone]) <= figure(row[on_eie]) / 2 for row in (quarter, tenth)
            ),
        ),
        Claim(
            r"Deep Compression begins with values at equal distances \(`linear`, the default\), so that the few large weights have values near them, and trains on\.",
            lambda: True,
        ),
        Claim(
            rf"Where nothing is trained on, that spends values where hardly any weights are: float32's weights are off by {P} from there and by {P} at best, MXFP4's by {P} and {P}\.",
            lambda *shown: (
                shown == (floats[0], floats[3], few[0], few[3]) and all(row[0] > row[3] for row in begun.values())
            ),
        ),
        Claim(
            rf"On float32's weights `density` is as good as the best; on MXFP4's few values it ends at {P}\.",
            lambda shown: shown == few[1] > few[3] and abs(floats[1] - floats[3]) <= 0.02 * floats[3] + 1e-9,
        ),
    ]


def words(rows, beginnings):
    return "\n\n".join((four_bits.words(rows), four_bits.words_of_beginnings(beginnings)))


def test_what_the_words_say_holds():
    rows, beginnings = tables()
    known = claims(rows, beginnings)
    assert check(words(rows, beginnings), known, FACTS) == {claim.pattern for claim in known}
    weights = 4 * 384 * 384 + 2 * 384 * 1536
    assert four_bits.whole(rows, beginnings, weights, (22, 384)) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("noise", [0.002, 0.3])
def test_what_the_words_say_of_tables_that_no_run_gave_holds(noise):
    said, left_out = set(), set()
    for seed in range(100):
        rng = np.random.default_rng(seed)

        def drawn(cell, rng=rng):
            try:
                value = figure(cell) * np.exp(noise * rng.standard_normal())
            except ValueError:
                return cell if rng.random() < 0.9 else "k-means"
            return f"{value:.1f}%" if cell.endswith("%") else f"{value:,.0f}"

        rows, beginnings = ([(row[0], *map(drawn, row[1:])) for row in table] for table in tables())
        known = claims(rows, beginnings)
        there = check(words(rows, beginnings), known, FACTS)
        said |= there
        left_out |= {claim.pattern for claim in known} - there
    assert len(said) >= 8
    assert len(left_out) >= (8 if noise == 0.3 else 1)


WEIGHTS = np.random.default_rng(3).standard_t(4, (96, 128)).astype(np.float32)


@pytest.mark.parametrize("group", [None, 128, 32])
def test_int4_is_the_nearest_of_15_multiples_of_its_scale(group):
    found = four_bits.int4(WEIGHTS, group).reshape(-1, group or WEIGHTS.size)
    for one, own in zip(found, WEIGHTS.reshape(found.shape), strict=True):
        grid = np.arange(-7, 8) * np.float32(np.abs(own).max() / 7)
        nearest = np.abs(own[:, None] - grid[None]).min(axis=1)
        np.testing.assert_allclose(np.abs(one - own), nearest, atol=1e-6)


def test_nf4_is_the_nearest_of_its_levels():
    found = four_bits.nf4(WEIGHTS).reshape(-1, 64)
    own = WEIGHTS.reshape(-1, 64)
    grid = four_bits.NF4[None, None] * np.abs(own).max(axis=1)[:, None, None]
    nearest = np.abs(own[:, :, None] - grid).min(axis=2)
    np.testing.assert_allclose(np.abs(found - own), nearest, atol=1e-6)


def test_nf4s_levels_are_normal_quantiles():
    """As QLoRA's appendix E makes them: 8 levels above 0 and 7 below, the outermost at 1."""
    from scipy.stats import norm

    offset = 0.5 * ((1 - 1 / 32) + (1 - 1 / 30))
    above, below = norm.ppf(np.linspace(offset, 0.5, 9)[:-1]), -norm.ppf(np.linspace(offset, 0.5, 8)[:-1])
    levels = np.sort([*above, 0, *below])
    np.testing.assert_allclose(four_bits.NF4, levels / levels.max(), atol=1e-6)


def test_mxfp4_rounds_as_ml_dtypes_does():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    own = WEIGHTS.reshape(-1, 32).astype(np.float64)
    scales = np.exp2(np.floor(np.log2(np.abs(own).max(axis=1, keepdims=True))) - 2)
    expected = (own / scales).astype(ml_dtypes.float4_e2m1fn).astype(np.float64) * scales
    np.testing.assert_array_equal(four_bits.mxfp4(WEIGHTS).reshape(own.shape), expected.astype(np.float32))
    ties = np.tile([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 6.0], 4).astype(np.float32)
    np.testing.assert_array_equal(four_bits.mxfp4(ties), np.tile([0, 1, 1, 2, 2, 4, 4, 6], 4))


def test_pruning_keeps_the_largest():
    kept = four_bits.pruned(WEIGHTS, 0.25)
    assert np.count_nonzero(kept) == WEIGHTS.size // 4
    assert np.abs(kept[kept != 0]).min() >= np.abs(WEIGHTS[kept == 0]).max()
    np.testing.assert_array_equal(kept[kept != 0], WEIGHTS[kept != 0])


def random_checkpoint(width, wide, heads):
    rng = np.random.default_rng(7)
    shapes = dict.fromkeys(four_bits.MATRICES, (width, width)) | {
        "intermediate": (wide, width),
        "output": (width, wide),
    }
    tensors = {}
    for name, shape in shapes.items():
        head = f"encoder.layer.0.{four_bits.MATRICES[name]}"
        tensors[f"{head}.weight"] = rng.normal(0, 0.2, shape).astype(np.float32)
        tensors[f"{head}.bias"] = rng.normal(0, 0.2, shape[0]).astype(np.float32)
    for name in ("attention.output", "output"):
        tensors[f"encoder.layer.0.{name}.LayerNorm.weight"] = rng.normal(1, 0.2, width).astype(np.float32)
        tensors[f"encoder.layer.0.{name}.LayerNorm.bias"] = rng.normal(0, 0.2, width).astype(np.float32)
    return four_bits.block_of(tensors, heads), rng.normal(size=(5, width))


def test_the_block_computes_what_torch_does():
    torch = pytest.importorskip("torch")
    block, values = random_checkpoint(24, 40, 4)
    layer = torch.nn.TransformerEncoderLayer(24, 4, 40, 0.0, "gelu", 1e-12, batch_first=True, dtype=torch.float64)
    own, biases = block.matrices, block.biases
    state = {
        "self_attn.in_proj_weight": np.concatenate([own[name] for name in ("query", "key", "value")]),
        "self_attn.in_proj_bias": np.concatenate([biases[name] for name in ("query", "key", "value")]),
        "self_attn.out_proj.weight": own["attention output"], "self_attn.out_proj.bias": biases["attention output"],
        "linear1.weight": own["intermediate"], "linear1.bias": biases["intermediate"],
        "linear2.weight": own["output"], "linear2.bias": biases["output"],
        **{f"norm{place}.{kind}": norm[kind == "bias"] for place, norm in enumerate(block.norms, 1)
           for kind in ("weight", "bias")},
    }  # fmt: skip
    layer.load_state_dict({name: torch.from_numpy(np.asarray(part, np.float64)) for name, part in state.items()})
    with torch.no_grad():
        expected = layer.eval()(torch.from_numpy(values)[None])[0].numpy()
    found, fed = four_bits.run(block, own, values)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(fed["query"], values, atol=1e-6)
    assert fed["output"].shape == (5, 40)


def test_a_row_of_a_small_block():
    """Cells in the table's order, from runs of the compressor and the simulator."""
    pytest.importorskip("kmeans1d")
    block, values = random_checkpoint(64, 128, 4)
    exact, _ = four_bits.run(block, block.matrices, values)
    cells = four_bits.row("int4, one scale a matrix", block, values, exact)
    assert len(cells) == len(four_bits.HEAD)
    assert cells[3] == cells[4]
    assert cells[5] == cells[6]
    assert cells[7] == "as it was"
    assert int(cells[1]) <= 14
    assert four_bits.begun("float32", block)[0] == "float32"
