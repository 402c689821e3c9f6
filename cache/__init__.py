"""A content-addressed store of requests and answers; knows nothing of architecture search."""

from genius_replay import refuse_namesakes
from genius_replay.lazy import lazily

refuse_namesakes()
__all__, __getattr__, __dir__ = lazily(__name__)
