"""The paper, one module a table; the command line; the only place that wires everything together."""

from genius_replay import refuse_namesakes
from genius_replay.lazy import lazily

__version__ = "0.1.0"

refuse_namesakes()
__all__, __getattr__, __dir__ = lazily(__name__)
