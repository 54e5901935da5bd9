"""The list of packages, which setup.cfg cannot give: all that are found, and `traces/` as `eiesim.examples`."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["eiesim", "eiesim.*"]), "eiesim.examples"])
