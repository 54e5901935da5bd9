"""Large layers are looked at in stretches: wherever these end, what is found is the same."""

import math

import numpy as np
import pytest

from eiesim import layer as layers
from eiesim import weight_sharing
from eiesim.coding.stream import from_stream, to_stream
from eiesim.compression.pipeline import Options, compress
from eiesim.compression.statistics import statistics
from eiesim.dense import DenseLayer, from_codes, to_codes
from eiesim.files.weights import DenseNetwork
from tests.layers import dense_codes, random_layer, same_layer


@pytest.mark.parametrize("most", [1, 3, 10, 1000])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.4, 1.0])
def test_any_length_of_stretch(monkeypatch, most, density):
    layer = random_layer(3, rows=9, cols=150, density=density)  # more columns than are turned around in one go
    codes = np.array(dense_codes(layer), np.uint8)
    whole = to_stream(layer, 2), statistics(layer, 4, 2)
    monkeypatch.setattr(layers, "STRETCH", most)
    ends = [here.stop for here, _ in layer.stretches()]
    assert ends == sorted(ends)
    assert ends[-1] == layer.nnz
    assert to_codes(layer).tolist() == codes.tolist()
    assert layer.to_dense().tolist() == layer.codebook[codes].tolist()
    assert same_layer(from_codes(codes, layer.codebook, layer.bias_codes, layer.activation, layer.name), layer)
    stream = to_stream(layer, 2)
    assert stream.codes.tolist() == whole[0].codes.tolist()
    assert stream.z.tolist() == whole[0].z.tolist()
    assert same_layer(from_stream(stream, layer), layer)
    assert statistics(layer, 4, 2) == whole[1]
    assert whole[1].entries == len(stream.codes)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 1000])
def test_sums_of_the_first_weights_are_added_in_order(monkeypatch, count):
    """To the bit those of a plain loop, so that a codebook does not depend on how its sums are kept."""
    monkeypatch.setattr(weight_sharing, "BLOCK", 128)
    values = np.sort(np.random.default_rng(0).normal(size=count).astype(np.float32))
    expected = [0.0]
    for value in values.tolist():
        expected.append(expected[-1] + value)
    every = np.arange(count + 1)
    assert weight_sharing._PrefixSums(values)(every).tolist() == expected


def test_the_error_of_the_weights_is_the_relative_distance():
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(700, 900)).astype(np.float32), rng.normal(size=700).astype(np.float32)
    model = DenseNetwork("net", (DenseLayer("fc", weights, bias),), ("fc.weight",), (), chain=True)
    found = compress(model, Options(density=0.3))
    after = found.layers[0]
    exact = [*weights.ravel().tolist(), *bias.tolist()]
    shared = [*after.to_dense().ravel().tolist(), *after.bias.tolist()]
    distance = math.fsum((one - other) ** 2 for one, other in zip(shared, exact, strict=True))
    expected = math.sqrt(distance / math.fsum(one**2 for one in exact))
    assert found.reports[0].weight_error == pytest.approx(expected, rel=1e-14)
