"""What a command shows: cells with a status, and the forms in which they are printed."""

from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
