"""Text ↔ architecture: what people type, and what language models write."""

from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
