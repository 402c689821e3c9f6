"""Benchmark tables that others published or this project trained, keyed by architecture; knows of no optimiser."""

from genius_replay import refuse_namesakes
from genius_replay.lazy import lazily

refuse_namesakes()
__all__, __getattr__, __dir__ = lazily(__name__)
