"""The experiment: what may be proposed, how a proposal is read and judged, how the loop runs."""
