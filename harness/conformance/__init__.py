"""What methods, search spaces and tables have to hold, for this project and for one's own."""

from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
