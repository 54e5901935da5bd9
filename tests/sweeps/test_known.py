"""Where rows stand: what a dict says, in little memory."""

import hashlib

import numpy as np

from eiesim.sweeps.known import ROW_BYTES, Known


def test_it_finds_what_a_dict_finds_and_grows_where_it_stands():
    rng = np.random.default_rng(1)
    texts = [hashlib.sha256(bytes([k % 256, k // 256])).hexdigest()[:32] for k in range(20_000)]
    texts[:3] = ["0" * 32, "f" * 30 + "00", "no hash"]  # ends in zero bytes, and another kind
    hashes, places = np.array(texts, "S32"), rng.integers(0, 2**50, len(texts))
    known, told = Known(), {}
    at = 0
    while at < 15_000:
        end = min(at + int(rng.integers(0, 1200)), 15_000)
        known.add(hashes[at:end], places[at:end])
        told |= dict(zip(texts[at:end], places[at:end].tolist(), strict=True))
        assert len(known) == end
        asked = rng.integers(0, len(texts), 50)
        assert known.find(hashes[asked]).tolist() == [told.get(texts[k], -1) for k in asked]
        at = end
    assert known.find(hashes).tolist() == [told.get(text, -1) for text in texts]
    assert known._rows.nbytes <= ROW_BYTES * 15_000 * 5 / 4
    lengths = np.diff([*known._starts, len(known)])
    assert (lengths[:-1] >= 2 * lengths[1:]).all()
    moved = rng.permutation(15_000)[:6_000]
    known.move(hashes[moved], places[moved] + 1)
    told |= {texts[k]: int(places[k]) + 1 for k in moved}
    assert known.find(hashes).tolist() == [told.get(text, -1) for text in texts]
