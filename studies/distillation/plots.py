"""The study's picture: every run, and the means."""

from pathlib import Path
from typing import TYPE_CHECKING

from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import BARS, headed
from studies.distillation.cells import BY_LABEL, DENSITIES
from studies.distillation.found import ACCURACY, Runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED_LOOKS = ((palette.BLUE, "o"), (palette.VERMILION, "s"), (palette.GREEN, "^"), (palette.PURPLE, "D"))


def draw(runs: Runs, folder: Path) -> None:
    """The picture."""
    save(lambda: picture(runs), folder / "runs", BARS, formats=("svg",))


def picture(runs: Runs) -> "Figure":
    """Accuracy above, cycles below, a column a density; a point is a run, a bar the mean."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import PercentFormatter, StrMethodFormatter

    figure, panels = plt.subplots(
        2, len(DENSITIES), figsize=(9.6, 6.4), sharex=True, sharey="row", layout="constrained", squeeze=False
    )
    for column, asked in enumerate(DENSITIES):
        for axes, name in ((panels[0, column], ACCURACY), (panels[1, column], "cycles_16")):
            for place, label in enumerate(BY_LABEL):
                values = runs.of(label, asked, name)
                if values.size:
                    axes.hlines(values.mean(), place - 0.32, place + 0.32, color=palette.DARK, linewidth=2.2, zorder=2)
            for k, seed in enumerate(runs.seeds):
                colour, marker = SEED_LOOKS[k % len(SEED_LOOKS)]
                rows = runs.table[(runs.table["seed"] == seed) & (runs.table["asked"] == asked)].set_index("label")
                places = [place for place, label in enumerate(BY_LABEL) if label in rows.index]
                heights = [rows.loc[label, name] for label in BY_LABEL if label in rows.index]
                offset = 0.14 * (k - (len(runs.seeds) - 1) / 2)
                axes.plot(
                    [place + offset for place in places], heights, marker, color=colour, markersize=5.5,
                    markeredgecolor="white", markeredgewidth=0.5, label=f"seed {seed}", zorder=3,
                )  # fmt: skip
                teacher = rows["teacher_test"].dropna()
                if name == ACCURACY and len(teacher):
                    axes.axhline(teacher.iloc[0], color=colour, linewidth=0.9, linestyle="--", zorder=1)
            axes.set_axisbelow(True)
            axes.grid(axis="y", linewidth=0.3, color=palette.LINE)
            axes.margins(y=0.12)
        panels[0, column].set_title(f"{100 * asked:.3g} % of the weights")
        panels[1, column].set_xticks(range(len(BY_LABEL)), list(BY_LABEL), rotation=30, ha="right")
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panels[0, 0].set_ylabel("test digits recognised (simulated)")
    panels[1, 0].yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    panels[1, 0].set_ylabel("cycles a digit, 16 PEs (simulated)")
    headed(figure, "LeNet-300-100 from 400 labelled digits: every run, and what its teacher recognises")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    return figure
