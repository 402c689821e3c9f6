"""The paper, one module a table; the command line; the only place that wires everything together."""

from genius_replay import refuse_namesakes

__version__ = "0.1.0"

refuse_namesakes()
