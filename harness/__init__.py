"""The experiment: what may be proposed, how a proposal is read and judged, how the loop runs."""

import genius_replay_namesakes  # noqa: F401
from genius_replay.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
