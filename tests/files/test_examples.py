"""Networks that come with eiesim: opened by name, and an unknown name says what there is."""

import pytest

from eiesim import EieError
from eiesim.files import examples
from eiesim.inputs import open_model, open_workloads


def test_an_example_is_the_network_of_its_folder():
    by_name = open_model(["example:lenet-300-100"])
    by_folder = open_model([str(examples.folder("lenet-300-100"))])
    assert [one.content_hash for one in by_name.layers] == [one.content_hash for one in by_folder.layers]
    assert by_name.activations.shape == (500, 784)
    assert len(open_workloads(["example:lenet-300-100"])) == 3


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("example:", "needs a name; there are: lenet-300-100"),
        ("example:lenet", "no example is called 'lenet'; there are: lenet-300-100"),
        ("example:lenet-300-10", "did you mean 'lenet-300-100'?"),
        ("example:../traces/lenet-300-100", "no example is called"),
    ],
)
def test_what_is_no_example_says_what_there_is(name, says):
    with pytest.raises(EieError) as refused:
        open_model([name])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_installation_without_examples_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(examples, "_PLACES", (tmp_path / "nowhere",))
    assert examples.folders() == {}
    with pytest.raises(EieError, match="missing from this installation"):
        examples.folder("lenet-300-100")
