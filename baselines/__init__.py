"""Optimisers, one a file; they see the ask/tell protocol and a search space, nothing else."""

import genius_replay_namesakes  # noqa: F401
from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
