"""Depthwise layers: what balance, the verdict and inspect say of them is so, counted by hand from the pattern."""

import re
from dataclasses import replace

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from tests.cases import cli

PES = 8


def depthwise(channels=24, places=9, multiplier=1, density=0.6, bias=True, seed=0):
    """Each row's weights in its channel's columns, written out entry by entry."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((channels * multiplier, channels * places), np.float32)
    for row in range(len(weights)):
        for place in range(places):
            if rng.random() < density:
                weights[row, row // multiplier * places + place] = rng.choice([-1.0, -0.5, 0.25, 0.75])
    offsets = rng.choice([0.25, 0.75], len(weights)) if bias else None
    layer = eiesim.CompressedLayer.from_dense(weights, bias=offsets, name="dw")
    return replace(layer, groups=channels, depthwise=True)


def counted(layer, x, pes):
    """Most and mean PEs with an entry of a column that is sent, by the row numbers: row i is PE i mod pes's."""
    columns = [set(layer.indices[layer.indptr[j] : layer.indptr[j + 1]] % pes) for j in range(layer.cols)]
    sent = [len(columns[j]) for one in np.atleast_2d(x) for j in np.flatnonzero(one)]
    return max(sent), sum(sent) / len(sent)


@pytest.mark.parametrize(("multiplier", "bias"), [(1, True), (1, False), (2, True), (3, False), (11, False)])
def test_the_sentence_says_what_its_numbers_are(multiplier, bias):
    layer = depthwise(multiplier=multiplier, bias=bias)
    x = np.random.default_rng(1).random((3, layer.cols)) * (np.random.default_rng(2).random((3, layer.cols)) < 0.7)
    found = eiesim.balance(layer, x, {"pes": PES})
    most, mean = counted(layer, x, PES)
    assert most <= min(multiplier, PES)
    assert (found.reach.most, found.reach.broadcasts) == (most, np.count_nonzero(x))
    assert found.reach.mean == pytest.approx(mean)
    run = found.assignments[0].result
    totals = run.metrics.counters
    assert run.load_balance == pytest.approx(totals.entry_groups / (run.metrics.cycles * PES))
    have = "has" if most == 1 else "have"
    assert (
        f"dw is depthwise: an input meets only the weights of its own channel, so that at most {most} of 8 PEs {have}"
        in (found.sentence)
    )
    assert f"({mean:.2f} on the mean)" in found.sentence
    assert ("the bias's aside" in found.sentence) == bias
    assert f"load balance is {run.load_balance:.1%}" in found.sentence
    orders = [one.cycles for one in found.assignments]
    assert ("no order of rows changes that" in found.sentence) == (max(orders) - min(orders) <= 0.01 * orders[0])
    assert found.to_dict()["sentence"] == found.sentence


def test_without_bias_and_padding_the_load_balance_is_at_most_one_pe_of_all():
    """Every column one entry: exactly one PE-cycle of work a broadcast, and a broadcast a cycle at most."""
    layer = depthwise(channels=64, density=1.0, bias=False)
    for pes in (1, 4, 16, 64, 256):
        result = eiesim.simulate(layer, np.ones(layer.cols), {"pes": pes, "index_bits": 8})
        assert result.layers[0].counters.macs == layer.cols
        assert result.load_balance <= 1 / pes
        assert result.load_balance == pytest.approx(1 / pes, rel=0.1)


def test_no_other_layer_is_called_depthwise():
    layer = depthwise()
    other = replace(layer, groups=1, depthwise=False)
    x = np.ones(layer.cols)
    found = eiesim.balance(other, x, {"pes": PES})
    assert found.sentence == ""
    assert "sentence" not in found.to_dict()
    assert "depthwise" not in eiesim.critical_path(other, x, {"pes": PES}).verdict.sentence
    assert "depthwise" not in eiesim.inspect(other)[0].to_dict()
    # The runs are the same, only what a dense machine would have to do is less.
    ours, theirs = (eiesim.simulate(one, x, {"pes": PES}).layers[0] for one in (layer, other))
    assert ours.runs == theirs.runs
    np.testing.assert_array_equal(ours.outputs, theirs.outputs)
    assert theirs.metrics.dense_equivalent_gops == pytest.approx(24 * ours.metrics.dense_equivalent_gops)
    assert layer.content_hash != other.content_hash


def test_verdict_inspect_and_commands_say_it(tmp_path):
    layer = depthwise(multiplier=2)
    x = (np.arange(layer.cols) % 3 > 0).astype(np.float32)
    most, _ = counted(layer, x, PES)
    sentence = eiesim.critical_path(layer, x, {"pes": PES}).verdict.sentence
    assert re.search(
        rf"cycles, depthwise \(at most {most} of 8 PEs have work on a broadcast\), (bound|too short)", sentence
    )
    (seen,) = eiesim.inspect(layer)
    assert (seen.to_dict()["groups"], seen.to_dict()["depthwise"]) == (24, True)
    assert "depthwise, 24 channels of 2 outputs" in repr(layer)
    eiesim.save(layer, tmp_path / "dw.npz")
    np.save(tmp_path / "x.npy", x)
    assert "depthwise, 24 channels of 2 outputs" in cli("inspect", tmp_path / "dw.npz").out
    said = cli("balance", tmp_path / "dw.npz", "-i", tmp_path / "x.npy", "--pes", 8).out
    assert eiesim.balance(layer, x, {"pes": PES}).sentence in said.replace("\n", " ")
    assert "48 x 216, depthwise" in cli("run", tmp_path / "dw.npz", "-i", tmp_path / "x.npy").out


def test_adder_units_refuse_groups():
    """-sum |a - w| over an output's own inputs is not what the machine would add up."""
    layer = depthwise()
    for run in (eiesim.simulate, eiesim.balance, eiesim.critical_path):
        with pytest.raises(EieError, match="layer 'dw': is a convolution in 24 groups; adder units"):
            run(layer, np.ones(layer.cols), {"operation": "adder"})


def test_files_keep_it(tmp_path):
    from eiesim.files.huffman import load_huffman, save_huffman

    for layer in (depthwise(), replace(depthwise(), depthwise=False), depthwise(multiplier=4, bias=False)):
        eiesim.save(layer, tmp_path / "dw.npz")
        save_huffman(layer, tmp_path / "dw.huff")
        for again in (eiesim.load(tmp_path / "dw.npz"), load_huffman(tmp_path / "dw.huff")):
            assert (again.groups, again.depthwise) == (24, layer.depthwise)
            assert again.content_hash == layer.content_hash


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": 5}, "groups: 5 do not share 24 rows and 216 columns evenly"),
        ({"groups": -24}, "groups = -24: must be 1 or more"),
        ({"groups": "24"}, "groups = '24': must be a whole number"),
        ({"depthwise": "no"}, "depthwise = 'no': must be True or False"),
        ({"groups": 1, "depthwise": True}, "depthwise: needs groups"),
        ({"codebook": np.array([0, 1], np.float32)}, "codes: must be"),
    ],
)
def test_groups_that_do_not_fit_are_refused(changes, reason):
    with pytest.raises(EieError, match=reason):
        replace(depthwise(), **changes)


def test_groups_of_numpy_are_the_same():
    layer = depthwise()
    assert replace(layer, groups=np.int64(24), depthwise=np.True_).content_hash == layer.content_hash


def test_a_weight_outside_its_group_is_refused(tmp_path):
    layer = eiesim.CompressedLayer.from_dense(np.eye(4)[[1, 0, 2, 3]], name="swapped")
    with pytest.raises(EieError, match="groups: the weight in row 1, column 0 lies in none of 4 blocks"):
        replace(layer, groups=4)
    assert replace(layer, groups=2).dense_weights == 8
    eiesim.save(replace(layer, groups=2), tmp_path / "two.npz")
    arrays = dict(np.load(tmp_path / "two.npz"))
    np.savez(tmp_path / "bad.npz", **{**arrays, "groups": np.int64(4)})
    with pytest.raises(EieError, match=r"bad\.npz: groups: the weight in row 1"):
        eiesim.load(tmp_path / "bad.npz")
    np.savez(tmp_path / "odd.npz", **{**arrays, "depthwise": np.int64(2)})
    with pytest.raises(EieError, match=r"odd\.npz: depthwise: is 2, needs 0 or 1"):
        eiesim.load(tmp_path / "odd.npz")
    np.savez(tmp_path / "worse.npz", **{**arrays, "groups": np.array([4])})
    with pytest.raises(EieError, match=r"worse\.npz: groups: is int64\[1\], needs one int64"):
        eiesim.load(tmp_path / "worse.npz")
