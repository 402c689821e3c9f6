"""A content-addressed store of requests and answers; knows nothing of architecture search."""

import genius_replay_namesakes  # noqa: F401
from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
