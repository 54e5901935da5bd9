"""What commands write: texts, arrays and folders, whole or not at all, and never over what they read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy.typing as npt

from eiesim._io import atomic
from eiesim.errors import EieError
from eiesim.files.guarding import guarding as guarding

STANDARD_OUTPUT = "standard output"


def print_text(text: str | Iterable[str]) -> None:
    """Print data, or its pieces, on standard output. An OSError names it."""
    try:
        for piece in [text] if isinstance(text, str) else text:
            print(piece, end="")
        print(flush=True)
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


class Outputs(atomic.Outputs):
    """Files that appear together when the block ends well; a text for `-` goes to standard output before they do."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str | Iterable[str]] = []

    def text(self, text: str | Iterable[str], target: str | Path | None) -> None:
        """Write a text, or its pieces one after the other, with a line's end. None writes nothing."""
        if str(target) == "-":
            self._texts.append(text)
        elif target is not None:
            file = self.open(target)
            for piece in [text] if isinstance(text, str) else text:
                file.write(piece.encode())
            file.write(b"\n")

    def array(self, values: npt.NDArray[Any], target: str | Path | None) -> None:
        """Write an array as .npy, float32. Raises EieError where a value is beyond that."""
        if target is not None:
            import numpy as np

            from eiesim.files.npz import as_file_values

            np.save(self.open(target), as_file_values(values))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                for text in self._texts:
                    print_text(text)
        except BaseException as failed:
            super().__exit__(type(failed), failed, None)
            raise
        super().__exit__(kind, error, trace)


@contextmanager
def filling(folder: str | Path) -> Iterator[Path]:
    """The folder, made where it is not there, and gone again where what was to fill it fails and it is empty."""
    path = Path(folder)
    new = [one for one in (path, *path.parents) if not one.exists()]
    try:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EieError(f"{path}: cannot be made: {error.strerror}") from None
        yield path
    except BaseException:
        for one in new:
            with suppress(OSError):
                one.rmdir()
        raise
