"""What docs/what-ifs.md says holds: of its own tables, and of tables that no run gave."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim.workloads import TABLE_III
from studies.what_ifs import digits, machines, words
from studies.what_ifs.page import read_tables
from tests.studies.claims import Claim, check, figure, is_shown

FOLDER = Path(__file__).parents[2] / "docs" / "what-ifs"
NUMBER = r"([+−-]?[\d,.]+\d|\d)"
SIGNED = r"([+−-]\d+) %"
EQUALS = {64: [(64, 1), (32, 2), (16, 4)], 128: [(128, 1), (64, 2), (32, 4), (16, 8)],
          256: [(256, 1), (128, 2), (64, 4), (32, 8)], 512: [(256, 2), (128, 4), (64, 8)]}  # fmt: skip
EACH = r"((?:[\d.]+ \(\d+ x \d\)(?:, )?)+)"

FACTS = [
    "An architect's next questions", r"`python -m studies\.what_ifs`", "It takes 2 to 5 minutes", "Cycles, times, load balances",
    "Energy is estimated", "- The nine layers", "Means over layers are", "- LeNet-300-100 \\(", "It is small; most", "- AlexNet-FC8 is", "It has no licence",
    "Only the question of the mapping", "Nothing here was measured", "A sentence that states a finding",
    # The machines and what is asked of them.
    "An SRAM row brings", "With `multipliers` = 2, 4 or 8", "The question is which", "The machines compared have as much",
    "Pointers are not divided", "Nine layers, geometric means", r"\*Slots used\* is", "Time, load balance and slots are",
    "256 multipliers in all, by layer", "A fat PE's group is whole", "Every PE reads a pointer for every broadcast, and",
    "EIE gives row i to PE", "The plain alternative is", "Three orders of rows", "64 PEs, simulated; means",
    "A product has more", "`nearest` rounds it", "Cycles are the same", r"LeNet-300-100, 500 digits, 20", "One digit is 0.2",
    "Fixed16, by the accumulators", "Inputs of a layer with", "Pixels are 0 to 1", "One threshold holds",
    # What is assumed or follows from how it is done, and is said to be so.
    r"What this leaves out", "The model counts accesses", "A PE with m multipliers reads", "More can be had from",
    "What is left is chance", "This says that interleaving gains nothing", "Interleaving costs nothing",
    "These draws are the same", "On a large layer they", "No threshold was tried", "Accuracies within 0.8", "Thresholds by layer",
    "Its neighbouring rows have alike", "Fixed16 with accumulators",
    # How.
    "Everything runs on", "Shapes: 16", "`machines.csv` has", "Rows of AlexNet-FC8", "Tests run some", "The activation SRAM",
    "Sorting rows costs",
]  # fmt: skip
TESTED_BELOW = [
    "Pointers of 16 bits reach",
    "More have on 16 PEs",
    "They are simulated with pointers",
    "With 1 bit most products of the first two layers are below half a last place",
]


class Rows:
    """What the tables have, computed from their rows."""

    def __init__(self, table, rounding, thresholds):
        self.table, self.rounding, self.thresholds = table, rounding, thresholds
        stored = table[(table["order"] == "as stored") & (table["mapping"] == "interleaved")]
        keys = ["workload", "layer", "memory", "pes", "multipliers"]
        of_layer = stored.assign(time_us=stored["cycles"] / 800).groupby(keys).mean(numeric_only=True).reset_index()
        self.of_layer = of_layer
        costs = ["time_us", "energy_uj", *(f"{module}_uj" for module in machines.MODULES)]
        keys.remove("layer")
        self.sums = of_layer.groupby(keys)[costs].sum()
        self.means = of_layer.groupby(keys)[["area_mm2", "load_balance", "alu_efficiency"]].mean()
        mixed = table[(table["multipliers"] == 1) & (table["memory"] == "divided")]
        cells = mixed.groupby(["layer", "order", "pes", "mapping"])[["cycles", "energy_uj", "load_balance"]].mean()
        self.by_mapping = cells
        self.one = mixed
        for name in ("sum", "times", "ported", "mean", "all_machines", "blocks", "digits", "at"):
            setattr(self, name, cache(getattr(self, name)))  # asked again and again

    def sum(self, workload, cost, pes, multipliers, memory="divided"):
        return self.sums.loc[(workload, memory, pes, multipliers), cost]

    def times(self, cost, pes, multipliers, memory="divided"):
        """Geometric mean over the nine layers, of multiples of the published machine's."""
        logs = []
        for name in TABLE_III:
            value, one = self.sum(name, cost, pes, multipliers, memory), self.sum(name, cost, 64, 1)
            logs.append(np.log(value / one))
        return np.exp(np.mean(logs))

    def ported(self, pes, multipliers):
        logs = []
        for name in TABLE_III:
            extra = (multipliers - 1) * self.sum(name, "act_rw_uj", pes, multipliers)
            logs.append(
                np.log((self.sum(name, "energy_uj", pes, multipliers) + extra) / self.sum(name, "energy_uj", 64, 1))
            )
        return np.exp(np.mean(logs))

    def mean(self, what, pes, multipliers, memory="divided"):
        return np.mean([self.means.loc[(name, memory, pes, multipliers), what] for name in TABLE_III])

    def all_machines(self):
        return sorted({(p, m) for w, memory, p, m in self.sums.index if memory == "divided" and w == "Alex-6"})

    def front(self, cost):
        """Machines that no other beats in time and cost."""
        points = {one: (self.times("time_us", *one), cost(*one)) for one in self.all_machines()}
        return {
            one
            for one, (t, c) in points.items()
            if not any((a <= t and b <= c) and (a, b) != (t, c) for a, b in points.values())
        }

    def blocks(self, layer, order="as stored", what="cycles"):
        cells = self.by_mapping.loc[(layer, order, 64)][what]
        return cells["blocked"] / cells["interleaved"]

    def balance(self, layer, order, mapping):
        return self.by_mapping.loc[(layer, order, 64, mapping), "load_balance"]

    def nine(self, order, what="cycles"):
        return np.array([self.blocks(name, order, what) for name in TABLE_III])

    def shuffles(self, layer):
        rows = self.one[(self.one["layer"] == layer) & (self.one["order"] == "shuffled") & (self.one["pes"] == 64)]
        by_seed = rows.set_index(["seed", "mapping"])["cycles"].unstack()
        return (by_seed["blocked"] / by_seed["interleaved"]).to_numpy()

    def digits(self, way, arithmetic="fixed16", bits="auto", what="accuracy"):
        rows = self.rounding
        chosen = rows[
            (rows["arithmetic"] == arithmetic) & (rows["rounding"] == way) & (rows["output_frac"] == str(bits))
        ]
        return chosen[what].to_numpy()

    def recognised(self, way, arithmetic="fixed16", bits="auto"):
        return float(f"{self.digits(way, arithmetic, bits).mean():.1%}".rstrip("%"))

    def at(self, threshold, what, pes=64):
        rows = self.thresholds
        return rows[(rows["threshold"] == threshold) & (rows["pes"] == pes)][what].item()

    def left(self, threshold, what, pes=64):
        return self.at(threshold, what, pes) / self.at(0.0, what, pes)


def thin_is_faster(v):
    return all(np.all(np.diff([v.times("time_us", *shape) for shape in shapes]) > 0) for shapes in EQUALS.values())


def fat_is_cheaper(v):
    return all(np.all(np.diff([v.times("energy_uj", *shape) for shape in shapes]) < 0) for shapes in EQUALS.values())


def machines_in(text):
    return [tuple(map(int, one.split(" x "))) for one in re.findall(r"\d+ x \d", text)]


def few_bits_only(v):
    won = [
        bits
        for bits in range(5, -2, -1)
        if v.recognised("stochastic", bits=bits) > v.recognised("nearest", bits=bits) + 0.8
    ]
    return bool(won) and all(
        max(v.recognised(way, bits=bits) for way in ("stochastic", "nearest")) < 90 for bits in won
    )


def claims(v):
    """Every sentence that states a finding."""

    def to(step, *pairs):
        return all(is_shown(shown, value, step) for shown, value in pairs)

    def signed(*pairs):
        return to(1, *((shown, 100 * (ratio - 1)) for shown, ratio in pairs))

    def percent(*pairs):
        return to(1, *((shown, 100 * share) for shown, share in pairs))

    def points(*pairs):
        return to(0.1, *((shown, 100 * share) for shown, share in pairs))

    def largest(values, name):
        return max(values, key=values.get) == name

    def as_many(layer):
        return int((v.shuffles(layer) >= v.blocks(layer)).sum())

    def shuffled(layer, shown):
        found = v.shuffles(layer)
        return signed(*zip(shown, (found.min(), found.max(), found.mean()), strict=True))

    nearest8, floor8 = v.digits("nearest", "fixed8")[0], v.digits("floor", "fixed8")[0]
    drawn8 = v.digits("stochastic", "fixed8")
    means8 = v.digits("stochastic", "fixed8", what="mean_error")
    thresholds = sorted(set(v.thresholds["threshold"]))
    free = max(t for t in thresholds if v.at(t, "accuracy") >= v.at(0.0, "accuracy") - 0.005)
    network = (
        v.of_layer[(v.of_layer["workload"] == machines.NETWORK)]
        .groupby(["memory", "pes", "multipliers"])
        .sum(numeric_only=True)
    )

    def least(cost):
        values = {one: cost(*one) for one in v.all_machines()}
        return min(values, key=values.get)

    found = [
        Claim(
            rf"- Two multipliers in each of the 64 PEs take {NUMBER} of the time, {NUMBER} of the energy and {NUMBER} % more area, by a model without ports\.",
            lambda t, e, a: to(0.01, (t, v.times("time_us", 64, 2)), (e, v.times("energy_uj", 64, 2))) and a >= 0
            and to(0.1, (a, 100 * (v.mean("area_mm2", 64, 2) / v.mean("area_mm2", 64, 1) - 1))),
        ),
        Claim(rf"Four take {NUMBER} of the time\.", lambda t: to(0.01, (t, v.times("time_us", 64, 4)))),
        Claim(r"- At equal multipliers, thin PEs are faster and fat ones cheaper\.", lambda: thin_is_faster(v) and fat_is_cheaper(v)),
        Claim(
            rf"Of 256 in all, 256 PEs with one are {NUMBER} times as fast as 64 with four and take {NUMBER} times the energy and {NUMBER} times the area\.",
            lambda t, e, a: to(0.01, (t, v.times("time_us", 64, 4) / v.times("time_us", 256, 1)),
                               (e, v.times("energy_uj", 256, 1) / v.times("energy_uj", 64, 4)),
                               (a, v.mean("area_mm2", 256, 1) / v.mean("area_mm2", 64, 4))),
        ),
        Claim(r"- Interleaving is an insurance\.", lambda: v.nine("heaviest first").mean() > max(1.04, v.nine("as stored").mean())),
        Claim(
            rf"Blocks instead change the cycles by {SIGNED} on layers without structure, by up to {SIGNED} on real ones, by {SIGNED} on rows sorted by weight \(64 PEs\)\.",
            lambda a, b, c: a < c and b < c and abs(a) <= 2
            and signed((a, v.nine("as stored").mean()), (c, v.nine("heaviest first").mean()),
                       (b, max(v.blocks(layer) for layer in ("AlexNet-FC8", "ip1", "ip2", "ip3")))),
        ),
        Claim(
            rf"- At 8 bits the rounding must not be floor \({NUMBER}% of the digits\); nearest recognises {NUMBER}% and stochastic {NUMBER}%\.",
            lambda f, n, s: f < min(n, s) - 1 and points((f, floor8), (n, nearest8), (s, drawn8.mean())),
        ),
        Claim(r"These two are equals there\.", lambda: abs(nearest8 - drawn8.mean()) <= 0.0111),
        Claim(
            r"At 16 bits it does not matter\.",
            lambda: np.ptp([v.recognised(way) for way in ("nearest", "floor", "stochastic")]) <= 0.81,
        ),
        Claim(r"Stochastic rounding only wins where there are too few bits for either\.", lambda: few_bits_only(v)),
        Claim(
            r"- Small activations are worth little\.",
            lambda: v.at(0.35, "accuracy") >= v.at(0.0, "accuracy") - 0.0091 and v.left(0.35, "cycles") < 1,
        ),
        Claim(
            rf"Leaving out those up to 0\.35 saves {NUMBER}% of the cycles and {NUMBER}% of the energy of LeNet-300-100 on 64 PEs, and recognises {NUMBER}% of the digits \({NUMBER}% with all\)\.",
            lambda c, e, p, q: min(c, e) > 0 and percent((c, 1 - v.left(0.35, "cycles")), (e, 1 - v.left(0.35, "energy_nj")))
            and points((p, v.at(0.35, "accuracy")), (q, v.at(0.0, "accuracy"))),
        ),
        Claim(
            r"No machine with one multiplier a PE is on the first\.",
            lambda: all(m > 1 for _, m in v.front(lambda *one: v.times("energy_uj", *one))),
        ),
        Claim(r"Thin PEs are faster\.", lambda: thin_is_faster(v)),
        Claim(
            rf"With 256 multipliers in all the slots used fall from {NUMBER}% \(256 x 1\) to {NUMBER}% \(32 x 8\), although the load balance rises from {NUMBER}% to {NUMBER}%: fewer PEs are easier to keep even\.",
            lambda a, b, c, d: a > b and c < d
            and percent((a, v.mean("alu_efficiency", 256, 1)), (b, v.mean("alu_efficiency", 32, 8)),
                        (c, v.mean("load_balance", 256, 1)), (d, v.mean("load_balance", 32, 8))),
        ),
        Claim(
            r"VGG-6 and VGG-7, at 4 % of the weights the sparsest, lose most \(table below\)\.",
            lambda: set(sorted(TABLE_III, key=lambda n: v.sum(n, "time_us", 32, 8) / v.sum(n, "time_us", 256, 1))[-2:]) == {"VGG-6", "VGG-7"},
        ),
        Claim(r"Fat PEs are cheaper\.", lambda: fat_is_cheaper(v)),
        Claim(
            rf"On Alex-6, pointers and queues take {NUMBER} of {NUMBER} µJ with 256 x 1, and {NUMBER} of {NUMBER} µJ with 64 x 4\.",
            lambda a, b, c, d: a > c and to(
                0.1, (a, v.sum("Alex-6", "ptr_read_uj", 256, 1) + v.sum("Alex-6", "act_queue_uj", 256, 1)), (b, v.sum("Alex-6", "energy_uj", 256, 1)),
                (c, v.sum("Alex-6", "ptr_read_uj", 64, 4) + v.sum("Alex-6", "act_queue_uj", 64, 4)), (d, v.sum("Alex-6", "energy_uj", 64, 4))),
        ),
        Claim(
            rf"By the model eight multipliers instead of one change the area of 64 PEs by {SIGNED}, four times the PEs by {SIGNED}, for their pointers\.",
            lambda a, b: a < b and signed((a, v.mean("area_mm2", 64, 8) / v.mean("area_mm2", 64, 1)), (b, v.mean("area_mm2", 256, 1) / v.mean("area_mm2", 64, 1))),
        ),
        Claim(
            rf"The time saved also saves leakage: from 64 x 1 to 64 x 2 the energy falls to {NUMBER}\.",
            lambda e: e < 1 and to(0.01, (e, v.times("energy_uj", 64, 2))),
        ),
        Claim(
            r"Each doubling in a PE brings less\.",
            lambda: all(np.all(np.diff([0, *(v.times(cost, 64, m) / v.times(cost, 64, m / 2) for m in (2, 4, 8))]) > -0.06) for cost in ("time_us", "energy_uj")),
        ),
        Claim(
            rf"64 PEs with 2, 4, 8 multipliers take {NUMBER}, {NUMBER}, {NUMBER} of the time, {NUMBER}, {NUMBER}, {NUMBER} of the energy\.",
            lambda *shown: all(
                a < b / a < c / b < 1 and to(0.01, *zip((a, b, c), (v.times(cost, 64, m) for m in (2, 4, 8)), strict=True))
                for (a, b, c), cost in ((shown[:3], "time_us"), (shown[3:], "energy_uj"))
            ),
        ),
        Claim(r"A small network wants few PEs\.", lambda: network.loc["divided"]["energy_uj"].idxmin()[0] == 16),
        Claim(
            rf"LeNet-300-100 on 64 PEs takes {NUMBER} µs a digit with one multiplier, {NUMBER} with eight: a broadcast takes a cycle, however few weights wait for it\.",
            lambda a, b: abs(a - b) <= 0.1 * max(a, b) and to(0.001, *((x, network.loc[("divided", 64, m), "time_us"]) for x, m in ((a, 1), (b, 8)))),
        ),
        Claim(
            rf"Of the machines here it takes least energy on {NUMBER} x {NUMBER}\.",
            lambda p, m: network.loc["divided"]["energy_uj"].idxmin() == (p, m),
        ),
        Claim(
            r"Two and four multipliers still pay then, eight take more energy than four\.",
            lambda: max(v.ported(128, 2), v.ported(64, 4)) < v.ported(256, 1) < np.inf and v.ported(32, 8) > v.ported(64, 4)
            and max(v.ported(64, 2), v.ported(32, 4)) < v.ported(128, 1) and v.ported(16, 8) > v.ported(32, 4),
        ),
        Claim(r"No machine with one multiplier a PE is on that either\.", lambda: all(m > 1 for _, m in v.front(v.ported))),
        Claim(
            r"Memories of another size change the figures, not the order\.",
            lambda: fat_is_cheaper(v) and np.all(np.diff([v.times("energy_uj", *one, "own") for one in EQUALS[256]]) < 0),
        ),
        Claim(r"Random positions cannot tell\.", lambda: np.abs(v.nine("as stored") - 1).max() < 0.0351),
        Claim(
            rf"The synthetic layers' rows are drawn alike, so a block is as good a sample of them as every 64th row: {SIGNED} to {SIGNED} cycles, mean {SIGNED}\.",
            lambda a, b, c: -3 <= a <= b <= 3 and signed((a, v.nine("as stored").min()), (b, v.nine("as stored").max()), (c, v.nine("as stored").mean())),
        ),
        Claim(r"Real layers may have structure\.", lambda: as_many("AlexNet-FC8") == 0),
        Claim(r"Real layers\.", lambda: as_many("AlexNet-FC8") > 0),
        Claim(
            rf"AlexNet-FC8 \(the authors' layer, not in the repository\) takes {SIGNED} cycles with blocks as stored; (?:none|\d+) of 20 shuffles take as many or more \({SIGNED} to {SIGNED}, mean {SIGNED}\)\.",
            lambda a, *shown: signed((a, v.blocks("AlexNet-FC8"))) and shuffled("AlexNet-FC8", shown),
        ),
        Claim(
            rf"LeNet's first layer takes {SIGNED} with blocks as trained; (?:none|\d+) of 20 shuffles take as many or more \({SIGNED} to {SIGNED}, mean {SIGNED}\)\.",
            lambda a, *shown: signed((a, v.blocks("ip1"))) and shuffled("ip1", shown),
        ),
        Claim(r"So that is chance: its rows are hidden units, whose order means nothing\.", lambda: as_many("ip1") >= 3),
        Claim(
            r"Layers ip2 and ip3 are bound by broadcasts, so that no dealing matters\.",
            lambda: all(abs(v.blocks(layer, order) - 1) < 0.0151 for layer in ("ip2", "ip3") for order in ("as stored", "shuffled", "heaviest first")),
        ),
        Claim(r"Sorted rows are what interleaving is for\.", lambda: v.nine("heaviest first").min() > 1.0449),
        Claim(
            rf"Heaviest first, blocks change the cycles of the nine layers by {SIGNED} to {SIGNED}, for the first PE has all the heavy rows: load balance {NUMBER}% instead of {NUMBER}%\.",
            lambda a, b, c, d: 5 <= a <= b and c < d and signed((a, v.nine("heaviest first").min()), (b, v.nine("heaviest first").max()))
            and percent(*((x, np.mean([v.balance(n, "heaviest first", mapping) for n in TABLE_III])) for x, mapping in ((c, "blocked"), (d, "interleaved")))),
        ),
        Claim(rf"Energy is {SIGNED}, for idle PEs leak\.", lambda e: e > 0 and signed((e, v.nine("heaviest first", "energy_uj").mean()))),
        Claim(
            r"Interleaved, the sorted order is about as good as the stored one\.",
            lambda: all(abs(v.balance(n, "heaviest first", "interleaved") - v.balance(n, "as stored", "interleaved")) < 0.0301 for n in TABLE_III),
        ),
        Claim(
            rf"At 16 bits it does not matter: {NUMBER}%, {NUMBER}% and {NUMBER}%\.",
            lambda *shown: max(shown) - min(shown) <= 0.81 and shown == tuple(v.recognised(way) for way in ("nearest", "floor", "stochastic")),
        ),
        Claim(
            r"At 8 bits floor fails, and nearest is as good as stochastic\.",
            lambda: floor8 < min(nearest8, drawn8.mean()) - 0.009 and abs(nearest8 - drawn8.mean()) < 0.0091,
        ),
        Claim(r"At 8 bits floor fails\.", lambda: floor8 < min(nearest8, drawn8.mean()) - 0.009),
        Claim(
            r"The automatic formats leave the accumulators (\d+), (\d+), (\d+) fraction bits in the three layers\.",
            lambda *bits: bits == tuple(v.digits("nearest", "fixed8", what=f"bits_{layer}")[0] for layer in ("ip1", "ip2", "ip3")),
        ),
        Claim(
            rf"Floor takes half a last place from every product, and hidden values, sums of many, sink until ReLU cuts them off: {NUMBER}%\.",
            lambda p: points((p, floor8)),
        ),
        Claim(
            rf"The ten outputs, whose mean is negative, are left {NUMBER} too high on average\.",
            lambda e: e >= 0 and to(0.1, (e, v.digits("floor", "fixed8", what="mean_error")[0])),
        ),
        Claim(rf"Nearest recognises {NUMBER}%\.", lambda p: points((p, nearest8))),
        Claim(
            rf"Stochastic rounding recognises {NUMBER}% on average, {NUMBER}% to {NUMBER}% by seed, and beats nearest with (\d+) of (\d+) seeds\.",
            lambda m, a, b, k, n: points((m, drawn8.mean()), (a, drawn8.min()), (b, drawn8.max())) and n == len(drawn8) and k == (drawn8 > nearest8).sum(),
        ),
        Claim(r"That is no more than noise on 500 digits\.", lambda: abs(nearest8 - drawn8.mean()) < 0.0091),
        Claim(
            rf"The mean error of its outputs is {NUMBER} ± {NUMBER} \(standard error over seeds\), nearest's {NUMBER}\.",
            lambda m, e, n: to(0.01, (m, means8.mean()), (e, means8.std(ddof=1) / np.sqrt(20)), (n, v.digits("nearest", "fixed8", what="mean_error")[0])),
        ),
        Claim(
            r"So it rescues 8 bits from floor, but nearest does so too, without random numbers\.",
            lambda: min(nearest8, drawn8.mean()) > floor8 + 0.009 and abs(nearest8 - drawn8.mean()) < 0.0091,
        ),
        Claim(r"It wins where the bits are too few for both\.", lambda: few_bits_only(v) and v.recognised("stochastic", bits=1) > v.recognised("nearest", bits=1)),
        Claim(
            rf"With 2 bits nearest is better \({NUMBER}% against {NUMBER}%\): stochastic rounding is right on average but noisier\.",
            lambda n, s: n > s + 0.79 and (n, s) == tuple(v.recognised(way, bits=2) for way in ("nearest", "stochastic")),
        ),
        Claim(
            rf"With 2 bits nearest recognises {NUMBER}% and stochastic rounding {NUMBER}%\.",
            lambda n, s: (n, s) == tuple(v.recognised(way, bits=2) for way in ("nearest", "stochastic")),
        ),
        Claim(
            rf"It degrades slowly instead of at once \({NUMBER}% against {NUMBER}%\), but {NUMBER}% is not a network anyone would use\.",
            lambda s, n, again: s > n and s == again < 90 and (n, s) == tuple(v.recognised(way, bits=1) for way in ("nearest", "stochastic")),
        ),
        Claim(
            r"The errors at -1 and 0 bits lean to one side although each product's do not, .*",
            lambda: len({np.sign(v.digits("stochastic", bits=bits, what="mean_error").mean()) for bits in (-1, 0)}) == 1
            and all(abs(e.mean()) > 2.9 * e.std(ddof=1) / np.sqrt(len(e)) for e in (v.digits("stochastic", bits=bits, what="mean_error") for bits in (-1, 0))),
        ),
        Claim(
            rf"{NUMBER}% of the broadcasts are nearly free\.",
            lambda b: b >= 5 and percent((b, 1 - v.left(free, "broadcasts"))),
        ),
        Claim(
            rf"At {NUMBER} the network recognises {NUMBER}% \({NUMBER}% with all activations\), answers {NUMBER}% of the digits otherwise, and takes {NUMBER}% of the cycles and {NUMBER}% of the energy on 64 PEs\.",
            lambda t, p, q, other, c, e: t == free and p >= q - 0.6 and max(c, e) <= 95
            and points((p, v.at(t, "accuracy")), (q, v.at(0.0, "accuracy")), (other, v.at(t, "changed")))
            and percent((c, v.left(t, "cycles")), (e, v.left(t, "energy_nj"))),
        ),
        Claim(
            rf"{NUMBER}% of ip2's broadcasts are gone, {NUMBER}% of ip1's\.",
            lambda a, b: percent((a, 1 - v.left(free, "broadcasts_ip2")), (b, 1 - v.left(free, "broadcasts_ip1"))),
        ),
        Claim(r"So what is dispensable are small hidden values\.", lambda: v.left(free, "broadcasts_ip2") < v.left(free, "broadcasts_ip1")),
        Claim(rf"Of the active pixels {NUMBER}% are above 0\.9\.", lambda a: percent((a, v.left(0.9, "broadcasts_ip1")))),
        Claim(
            rf"Beyond it accuracy pays: {NUMBER}% at 0\.7, where cycles are {NUMBER}%\.",
            lambda p, c: free < 0.7 and v.at(0.7, "accuracy") < v.at(free, "accuracy") - 0.009 and points((p, v.at(0.7, "accuracy"))) and percent((c, v.left(0.7, "cycles"))),
        ),
        Claim(
            rf"Cycles and energy follow the broadcasts, on 16 and on 64 PEs alike, within {NUMBER} points of their share: at {NUMBER} {NUMBER}% of the broadcasts are left\.",
            lambda off, t, b: off <= 13 and t == free and percent((b, v.left(t, "broadcasts")))
            and all(100 * abs(v.left(t, cost, pes) - v.left(t, "broadcasts", pes)) <= off + 0.51 for t in thresholds for pes in (16, 64) for cost in ("cycles", "energy_nj")),
        ),
    ]  # fmt: skip
    of_lists = [
        (
            r"On the Pareto front of time and energy: ([^.]+)\.",
            lambda a: set(machines_in(a)) == v.front(lambda *one: v.times("energy_uj", *one)),
        ),
        (
            r"On that of time and area: ([^.]+)\.",
            lambda a: set(machines_in(a)) == v.front(lambda *one: v.mean("area_mm2", *one)),
        ),
        (r"The Pareto front of time and energy is then ([^.]+)\.", lambda a: set(machines_in(a)) == v.front(v.ported)),
        (
            r"The least energy x time of all machines has (\d+ x \d), the least energy (\d+ x \d)\.",
            lambda a, b: machines_in(b)[0] == least(lambda *one: v.times("energy_uj", *one))
            and machines_in(a)[0] == least(lambda *one: v.times("energy_uj", *one) * v.times("time_us", *one)),
        ),
        (
            rf"With all that ActRW spends m times as dear, .* would be {EACH}, and of 128 {EACH}\.",
            lambda a, b: all(
                machines_in(text) == EQUALS[n]
                and to(0.01, *((figure(x), v.ported(*one)) for x, one in zip(re.findall(r"[\d.]+(?= \()", text), EQUALS[n], strict=True)))
                for text, n in ((a, 256), (b, 128))
            ),
        ),
        (
            rf"If every PE keeps its own 128 KB, .* energies at 256 in all are {EACH} of the published machine's, areas {EACH} mm²\.",
            lambda a, b: all(
                np.all(np.diff(shown) < 0) and to(step, *zip(shown, (what(*one, "own") for one in EQUALS[256]), strict=True))
                for shown, what, step in (
                    ([figure(x) for x in re.findall(r"[\d.]+(?= \()", a)], lambda *one: v.times("energy_uj", *one), 0.01),
                    ([figure(x) for x in re.findall(r"[\d.]+(?= \()", b)], lambda *one: v.mean("area_mm2", *one), 1),
                )
            ),
        ),
    ]  # fmt: skip
    return found + [Claim(pattern, true, lists=True) for pattern, true in of_lists]


def held(page, v):
    """Checks all of a page; what it says, and what it could have said."""
    known = claims(v)
    return check(page, known, [*FACTS, *TESTED_BELOW]), {claim.pattern for claim in known}


@pytest.fixture(scope="module")
def tables():
    return read_tables(FOLDER)


def test_what_the_words_say_holds(tables):
    said, every = held(words.text(*tables), Rows(*tables))
    otherwise = {
        r"Real layers\.",
        r"At 8 bits floor fails\.",
        *(one for one in every if "With 2 bits nearest recognises" in one),
    }
    assert said == every - otherwise


def made_up(tables, rng, noise):
    """Each figure multiplied at random; some columns, now and then all, are dealt to other rows."""
    found = []
    for table in tables:
        table = table.copy()
        kept = {"seed", "pes", "multipliers", "threshold", "entries", "padding_entries"}
        columns = [c for c in table.select_dtypes("number").columns if c not in kept and not c.startswith("bits_")]
        dealt = columns if rng.random() < 0.2 else [c for c in columns if rng.random() < 0.15]
        table[dealt] = table[dealt].to_numpy()[rng.permutation(len(table))]
        table[columns] = table[columns] * np.exp(noise * rng.standard_normal((len(table), len(columns))))
        for name in [c for c in columns if "accuracy" in c]:
            table[name] = table[name].clip(0, 1)
        found.append(table)
    found[0]["time_us"] = found[0]["cycles"] / 800
    return found


def test_what_the_words_say_of_tables_that_no_run_gave_holds(tables):
    said, left_out, every = set(), set(), set()
    for seed in range(28):
        drawn = made_up(tables, np.random.default_rng(seed), noise=(0.001, 0.01, 0.1, 0.6)[seed % 4])
        there, known = held(words.text(*drawn), Rows(*drawn))
        said |= there
        left_out |= known - there
        every |= known
    assert said == every
    figures_only = every - left_out
    assert len(figures_only) <= 20, sorted(figures_only)


def test_what_the_page_says_of_the_layers_themselves():
    for pes in machines.PES:  # without padding, which only adds to them
        more = {name for name, s in TABLE_III.items() if s.rows * s.cols * s.weight_density / pes > 1.01 * (2**16 - 1)}
        assert more <= set(machines.beyond_reach().get(pes, []))
    assert machines.beyond_reach()[64] == ["Alex-6", "VGG-6"]  # Alex-6 by a hundredth, in one draw of three
    assert digits.exact().mean() < 0
    network = digits.model()
    values = network.activations
    for layer in network.layers[:2]:
        cols = np.repeat(np.arange(layer.shape[1]), np.diff(layer.indptr))
        products = np.abs(layer.codebook[layer.codes][None, :] * values[:100, cols])
        assert (products[products > 0] < 0.25).mean() > 0.5
        values = eiesim.simulate(layer, values, eiesim.MachineConfig(arithmetic="float32")).outputs
