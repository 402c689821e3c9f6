"""Benchmark tables that others published or this project trained, keyed by architecture; knows of no optimiser."""

import genius_replay_namesakes  # noqa: F401
from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
