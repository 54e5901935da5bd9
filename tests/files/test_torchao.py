"""Tensors of torchao and its like in memory, in modules and state dictionaries: dequantised by themselves."""

import numpy as np
import pytest

import eiesim

torch = pytest.importorskip("torch", reason="needs extra [train]")


class Codes(torch.Tensor):  # type: ignore[name-defined]
    """As torchao's tensors are made: codes and a scale that say they are floating point."""

    @staticmethod
    def __new__(cls, codes, scale, **about):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=torch.float32)

    def __init__(self, codes, scale, act_quant_kwargs=None, act_pre_scale=None):
        self.codes, self.scale = codes, scale
        self.act_quant_kwargs, self.act_pre_scale = act_quant_kwargs, act_pre_scale

    def dequantize(self):
        return self.codes.float() * self.scale

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.detach.default:
            return args[0]
        step = args[0].act_quant_kwargs if isinstance(args[0], Codes) else None
        plain = [one.dequantize() if isinstance(one, Codes) else one for one in args]
        if func is torch.ops.aten.t.default:
            made = Codes(args[0].codes.t(), args[0].scale.t(), step)
            return made
        step = next((one.act_quant_kwargs for one in args if isinstance(one, Codes)), None)
        if step:
            at = next(k for k, one in enumerate(args) if not isinstance(one, Codes) and one.ndim == 2)
            plain[at] = torch.round(plain[at] / step) * step
        return func(*plain, **(kwargs or {}))


def codes(rows, cols, **about):
    generator = torch.Generator().manual_seed(rows)
    stored = torch.randint(-7, 8, (rows, cols), generator=generator, dtype=torch.int8)
    return Codes(stored, torch.rand((rows, 1), generator=generator) + 0.1, **about)


def network(**about):
    made = torch.nn.Sequential(torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    for layer in (made[0], made[2]):
        layer.weight = torch.nn.Parameter(codes(*layer.weight.shape, **about), requires_grad=False)
    return made


@pytest.mark.parametrize("step", [None, 0.02])
def test_modules_and_state_dictionaries_are_dequantised(step):
    net = network(act_quant_kwargs=step)
    for source in (net, net.state_dict()):
        model = eiesim.compress(source).model
        assert model.chain
        for layer, k in zip(model.layers, (0, 2), strict=True):
            assert np.array_equal(layer.weights, net[k].weight.dequantize().numpy())
        assert (model.held.against == "torch") is (source is net)


def test_a_tensor_whose_layer_scales_its_inputs_first_is_refused():
    net = network(act_pre_scale=torch.ones(12))
    for source in (net, net.state_dict()):
        with pytest.raises(eiesim.EieError, match="has no layer"):
            eiesim.compress(source)
    with pytest.raises(eiesim.EieError, match="Codes's inputs are scaled first"):
        eiesim.compress(net.state_dict())


def test_a_parameter_of_codes_that_cannot_say_how_is_no_layer():
    """bitsandbytes' Params4bit: torch's own `dequantize` gives back its bytes as numbers."""

    class Packed(torch.nn.Parameter):  # type: ignore[name-defined]
        """Bytes, two codes in each."""

        def __new__(cls, data):
            return torch.Tensor._make_subclass(cls, data, False)

    net = torch.nn.Sequential(torch.nn.Linear(12, 8))
    net[0].weight = Packed(torch.arange(96, dtype=torch.uint8).reshape(8, 12))
    assert net[0].weight.dequantize().dtype == torch.float32
    with pytest.raises(eiesim.EieError, match=r"uint8\[8, 12\], codes of a quantised one; give its state_dict"):
        eiesim.compress(net, check=False)
