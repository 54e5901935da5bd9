"""The build backend: setuptools', whose source archive is the same to the byte where SOURCE_DATE_EPOCH is the same.

setuptools writes the times and owners of the files as they lie on the disk, and the time of writing; here they are
replaced in the finished archive. https://reproducible-builds.org/docs/source-date-epoch/
"""

import gzip
import io
import os
import tarfile
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403 - a backend is its module's functions
from setuptools.build_meta import build_sdist as setuptools_build_sdist


def build_sdist(sdist_directory, config_settings=None):
    """The source archive; see PEP 517."""
    name = setuptools_build_sdist(sdist_directory, config_settings)
    if "SOURCE_DATE_EPOCH" in os.environ:
        _repack(Path(sdist_directory, name), int(os.environ["SOURCE_DATE_EPOCH"]))
    return name


def _repack(path, time):
    """Files in order, all of one time, of nobody."""
    packed = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, time
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member) if member.isfile() else None)
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=time))
