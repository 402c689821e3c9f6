"""The harness' exceptions.

HarnessError
├── InvalidArchitecture   a tuple that is no architecture of the space
├── OptimizerError        an optimiser that broke the ask/tell protocol
├── SpaceMismatch         a table of another space
├── UnknownSpace          no space has this name
└── UnfitMethod           a method that cannot search a space (in harness.method, where optimisers see it)
"""


class HarnessError(Exception):
    """Anything this package raises on purpose."""


class InvalidArchitecture(HarnessError, ValueError):
    """A tuple of the wrong length, or with an entry that is no choice of its slot."""


class OptimizerError(HarnessError):
    """An optimiser that broke the ask/tell protocol, such as a proposal with neither an architecture nor a reply."""


class SpaceMismatch(HarnessError):
    """A table whose slots are not those of the space it is searched in."""


class UnknownSpace(HarnessError):
    """No space has this name."""
