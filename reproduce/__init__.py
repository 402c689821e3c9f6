"""The paper, one module a table; the command line; the only place that wires everything together."""

import genius_replay_namesakes  # noqa: F401
from genius_replay.lazy import lazily

__version__ = "0.1.0"

__all__, __getattr__, __dir__ = lazily(__name__)
