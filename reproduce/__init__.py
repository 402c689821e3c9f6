"""The paper, one module a table; the command line; the only place that wires everything together."""

__version__ = "0.1.0"
