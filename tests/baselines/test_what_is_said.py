"""What docs/energy.md says of products on a CPU holds in the tables that were measured, in docs/baselines."""

import csv
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = r"([\d.]+)"


def rows(name):
    with (DOCS / "baselines" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def said(pattern):
    """The figures of the page's one sentence of this form."""
    page = " ".join((DOCS / "energy.md").read_text(encoding="utf-8").split())
    (found,) = re.findall(pattern.replace("#", NUMBER), page)
    return [float(one) for one in ((found,) if isinstance(found, str) else found)]


def least(side, batch, density, *, matrix="dense", precision="float32"):
    """The least time of the fastest such product."""
    return min(
        float(row["time_us_low"])
        for row in rows("densities.csv")
        if (int(row["side"]), int(row["batch"]), float(row["density"])) == (side, batch, density)
        and (row["matrix"], row["precision"]) == (matrix, precision)
    )


def densities():
    return sorted({float(row["density"]) for row in rows("densities.csv")})


def dense_wins(side, batch, precision="float32"):
    """The densities at which the fastest dense product beats the fastest sparse one."""
    return {
        at
        for at in densities()
        if least(side, batch, at, precision=precision) < least(side, batch, at, matrix="sparse")
    }


def test_the_densities_from_which_dense_beats_sparse_are_those_measured():
    """A figure lies between the last density at which sparse is faster and the first at which dense is."""
    every = densities()
    figures = said(
        r"from a density of # % at batch 1 and of # % at batch 64; of 1,024 × 1,024, .{0,60}, from # % and # %"
    )
    for percent, (side, batch) in zip(figures, [(4096, 1), (4096, 64), (1024, 1), (1024, 64)], strict=True):
        wins = dense_wins(side, batch)
        below = [at for at in every if at < percent / 100]
        assert wins == set(every) - set(below), (side, batch)
        assert below
        assert any(at >= percent / 100 for at in every)


def test_int8_beats_sparse_at_batch_64_at_every_density():
    (lowest,) = said(r"In int8 the dense product wins at batch 64 at every density measured, from # % up")
    assert min(densities()) == lowest / 100
    for side in (1024, 4096):
        assert dense_wins(side, 64, "int8") == set(densities())


def test_lower_precision_is_as_many_times_as_fast_as_it_is_said_to_be():
    four, low, high = said(
        r"At 25 % and batch 1 the 4-bit product is # times as fast as the fastest sparse one, for a layer of "
        r"4,096 × 4,096; at batch 64 the int8 one is # to # times as fast"
    )
    ratio = least(4096, 1, 0.25, matrix="sparse") / least(4096, 1, 0.25, precision="int4")
    assert four == round(ratio, 1)
    ratios = [least(s, 64, 0.25, matrix="sparse") / least(s, 64, 0.25, precision="int8") for s in (1024, 4096)]
    assert [low, high] == [round(one, 1) for one in sorted(ratios)]


def test_the_machine_is_named():
    page = (DOCS / "energy.md").read_text(encoding="utf-8")
    for row in rows("densities.csv"):
        assert row["machine"].split(",")[0] in page
        assert row["when"] in page


def test_what_using_the_inputs_zeros_wins():
    table = {row.pop("product"): row for row in rows("zeros.csv")}

    def pick(word):
        return next(times for product, times in table.items() if product.startswith(word))

    graphblas, torch, rows_, columns, active = map(
        pick, ("GraphBLAS", "torch", "scipy CSR", "scipy CSC scipy", "scipy CSC active")
    )
    low, high, alex, vgg = said(
        r"It takes # to # times as long as PyTorch's CSR product, which uses none of the zeros. "
        r"In SciPy, taking the active columns out by hand takes # and # times as long as the whole product"
    )
    ratios = sorted(float(graphblas[name]) / float(torch[name]) for name in ("Alex-7", "VGG-7"))
    assert [low, high] == [round(one, 2) for one in ratios]
    best = {name: min(float(rows_[name]), float(columns[name])) for name in rows_}
    (little, much) = said(r"two thirds of the columns so saves # to # % of the time")
    assert [little, much] == [round(100 * (1 - high)), round(100 * (1 - alex))]
    assert [alex, vgg] == [round(float(active[name]) / best[name], 2) for name in ("Alex-7", "VGG-7")]
