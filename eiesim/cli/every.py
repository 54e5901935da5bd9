"""The application with all its commands, for what writes its help down."""

from eiesim.cli.app import app as app
from eiesim.cli.app import load

load()
