"""The experiment: what may be proposed, how a proposal is read and judged, how the loop runs."""

from genius_replay import refuse_namesakes
from genius_replay.lazy import lazily

refuse_namesakes()
__all__, __getattr__, __dir__ = lazily(__name__)
