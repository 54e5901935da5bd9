"""The study's picture: bytes by layer, published beside ours."""

from pathlib import Path
from typing import TYPE_CHECKING

from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import BARS, headed
from studies.lenet5.cells import AS_PUBLISHED, FEW, LAYERS, MESA
from studies.lenet5.means import Numbers, published_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(n: Numbers, folder: Path) -> None:
    """The picture as SVG."""
    save(lambda: bytes_by_layer(n), folder / "bytes", BARS, formats=("svg",))


def bytes_by_layer(n: Numbers) -> "Figure":
    """A group of bars a layer, logarithmic; what each stands for is in the legend with its sum."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    def ours(label: str, column: str) -> list[float]:
        return [n.layer(label, layer, column) for layer in LAYERS]

    bars = {
        "float32": (ours(AS_PUBLISHED, "dense_bytes"), palette.LINE),
        "published, Deep Compression's layers": ([published_bytes(layer) for layer in LAYERS], palette.DARK),
        "ours, its densities and bits": (ours(AS_PUBLISHED, "bytes_published_bits"), palette.SKY),
        "ours, its densities, 4 bits": (ours(AS_PUBLISHED, "coded_bytes"), palette.BLUE),
        "ours, 2 % with L2, 4 bits": (ours(FEW, "coded_bytes"), palette.GREEN),
        "ours, MESA at 10 %, 4 bits": (ours(MESA, "coded_bytes"), palette.ORANGE),
    }
    figure, axes = plt.subplots(figsize=(9.6, 3.9), layout="constrained")
    width = 0.86 / len(bars)
    for k, (name, (values, colour)) in enumerate(bars.items()):
        places = [group + (k - (len(bars) - 1) / 2) * width for group in range(len(LAYERS))]
        total = sum(values)
        shown = f"{total / 1000:,.0f} KB" if total >= 1e5 else f"{total / 1000:.1f} KB"
        axes.bar(places, values, width * 0.92, color=colour, label=f"{name}: {shown}")
        for x, value in zip(places, values, strict=True):
            text = f"{value / 1000:,.0f}" if value >= 99_500 else f"{value / 1000:.1f}"
            axes.annotate(text, (x, value), xytext=(0, 1.5), textcoords="offset points", ha="center", fontsize=6.5)
    axes.set_yscale("log")
    axes.set_ylim(100, 4e6)
    axes.set_yticks([100, 1e3, 1e4, 1e5, 1e6], ["0.1", "1", "10", "100", "1,000"])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", linewidth=0.3, color=palette.LINE)
    axes.set_axisbelow(True)
    axes.set_ylabel("KB (logarithmic)")
    axes.set_xticks(range(len(LAYERS)), LAYERS)
    axes.tick_params(axis="x", length=0)
    headed(figure, "LeNet-5: bytes by layer, published beside ours")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
