"""All of the installation stands in setup.cfg; here is only what an index shows of README.md.

README.md's links lead to files beside it, which an index does not have. Where setup.cfg names the sources
(`project_urls`, "Source"), they are made absolute, at this version; as long as it names none, their words stay without
a link.
"""

import re
from configparser import ConfigParser
from pathlib import Path

HERE = Path(__file__).parent

LINK = re.compile(r"(!?)\[([^\[\]]*)\]\((?!https?://|mailto:|#)([^()\s]+)\)")


def index_page(readme, sources=None, version=None):
    """Markdown whose relative links and pictures lead into `sources`, or are their words alone."""

    def absolute(link):
        picture, words, target = link.groups()
        if sources is None:
            return f"({words})" if picture else words
        return f"{picture}[{words}]({sources}/{'raw' if picture else 'blob'}/v{version}/{target})"

    return LINK.sub(absolute, readme)


def description():
    """What goes into the metadata."""
    options = ConfigParser()
    options.read(HERE / "setup.cfg", encoding="utf-8")
    urls = dict(re.findall(r"^(\S+) *= *(\S+)$", options.get("metadata", "project_urls", fallback=""), re.M))
    version = re.search(r'^__version__ = "(.+)"$', (HERE / "eiesim/_version.py").read_text("utf-8"), re.M)[1]
    return index_page((HERE / "README.md").read_text("utf-8"), urls.get("Source"), version)


if __name__ == "__main__":
    from setuptools import setup

    setup(long_description=description())
