"""The grammar of swept values."""

import pytest

from eiesim import EieError
from eiesim.sweeps.values import parse_axes, parse_axis, parse_values, parse_whole


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2,4", [1, 2, 4]),
        ("0:5", [0, 1, 2, 3, 4]),
        ("0:9:3", [0, 3, 6]),
        ("5:0:-2", [5, 3, 1]),
        ("-2:1", [-2, -1, 0]),
        ("1:256:x2", [1, 2, 4, 8, 16, 32, 64, 128, 256]),
        ("1:512:x2", [2**k for k in range(10)]),
        ("3:100:x3", [3, 9, 27, 81]),
        ("16:64:x2,100", [16, 32, 64, 100]),
        ("float32, fixed16", ["float32", "fixed16"]),
        ("auto,8", ["auto", 8]),
        ("800,933.5", [800, 933.5]),
        ("1,1,2:4,3", [1, 2, 3]),
    ],
)
def test_values(text, values):
    assert parse_values(text) == values


@pytest.mark.parametrize(
    "text", ["", "1,,2", "5:5", "3:1", "0:8:x2", "1:8:x1", "1:8:0", "0:99999999", "1:", ":8", "1:8:y2"]
)
def test_refused_in_one_line(text):
    with pytest.raises(EieError) as error:
        parse_values(text)
    assert "\n" not in str(error.value)


def test_seeds_are_whole_numbers():
    assert parse_whole("0:3") == [0, 1, 2]
    for text in ("1.5", "-1", "true", "x"):
        with pytest.raises(EieError):
            parse_whole(text)


def test_one_axis_by_itself_is_one():
    assert parse_axes("pes=4,8") == parse_axes(["pes=4,8"]) == {"pes": [4, 8]}
    with pytest.raises(EieError, match="pes is swept twice"):
        parse_axes(["pes=4", "pes=8"])


def test_axis():
    assert parse_axis("index_bits=2:5") == ("index_bits", [2, 3, 4])
    with pytest.raises(EieError):
        parse_axis("index_bits")
