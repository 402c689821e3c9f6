"""The experiment: what may be proposed, how a proposal is read and judged, how the loop runs."""

from genius_replay import refuse_namesakes

refuse_namesakes()
