"""`python -m eiesim.schemas` writes the files of `data/` anew: after a change of what a command writes."""

from pathlib import Path

from eiesim._io.atomic import writing
from eiesim.schemas.documents import made

for name, text in made().items():
    with writing(Path(__file__).parent / "data" / f"{name}.json") as file:
        file.write(text.encode())
