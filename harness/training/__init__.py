"""Real training: jobs, recipes, data, networks, the queue and what works it off; torch is imported here alone."""

from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
