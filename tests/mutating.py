"""Faults put into a file's text one by one: what `tests.rtl.mutations` and `tests.view.mutations` share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.telling import Telling


@dataclass(frozen=True)
class Mutation:
    """A text of a file, and the faulty one in its place."""

    name: str
    file: str
    right: str
    wrong: str

    def of(self, text: str) -> str:
        """The file's text with the fault. Raises AssertionError where the right text is not there just once."""
        found = text.count(self.right)
        assert found == 1, f"{self.name}: {self.file} has the text {found} times"
        return text.replace(self.right, self.wrong)


def tried(mutations: Sequence[Mutation], caught: Callable[[Mutation], str | None], only: str | None) -> int:
    """Try mutations, or only the one of a name, and print what caught each; 0 when all are caught.

    caught: what shows a mutation, None if nothing does.
    """
    wanted = [mutation for mutation in mutations if only in (None, mutation.name)]
    escaped, telling = 0, Telling()
    for number, mutation in enumerate(wanted, 1):
        telling(f"{number} of {len(wanted)}: {mutation.name}")
        found = caught(mutation)
        escaped += found is None
        telling.end()
        print(f"{mutation.name}: {'NOT CAUGHT' if found is None else found}", flush=True)
    print(f"{len(wanted) - escaped} of {len(wanted)} mutations caught")
    return 1 if escaped else 0
