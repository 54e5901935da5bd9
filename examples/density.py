"""How sparse is sparse enough? One PyTorch layer, pruned more and more, on EIE: `python examples/density.py`.

Needs the extra `train`. Prints a line a density: cycles, how many times faster than with all weights, and how even the
PEs' work is (their load balance). The input is a batch of 8 in which half of the activations are zero.
"""

import torch

import eiesim

DENSITIES = (1, 0.5, 0.25, 0.1, 0.05, 0.02)


def main() -> None:
    """Compress, simulate, print."""
    torch.manual_seed(0)
    linear = torch.nn.Linear(1024, 1000)
    activations = torch.relu(torch.randn(8, 1024))
    cycles = []
    for density in DENSITIES:
        result = eiesim.simulate(eiesim.compress(linear, density=density), activations)
        cycles.append(result.cycles)
        print(
            f"{density:4.0%} of the weights: {cycles[-1]:7,.0f} cycles, {cycles[0] / cycles[-1]:4.1f} times as fast, "
            f"load balance {result.load_balance:.0%}"
        )


if __name__ == "__main__":
    main()
