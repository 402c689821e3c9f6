"""The harness' exceptions.

HarnessError
├── OptimizerError        an optimiser that broke the ask/tell protocol
├── BrokenRecording       a recording does not replay as it ran
├── UnfitMethod           a method that cannot search a space (in harness.protocol, where optimisers see it)
├── Exhausted             an optimiser that has nothing left to propose (there, too)
└── TrainingError         a job that cannot be trained as it stands
    ├── InvalidJob        a file that holds no job, or a job that contradicts itself
    ├── MalformedData     the data cannot be read as what they are said to be
    └── NotThisJob        a result or a checkpoint of another job, or none at all

A class is where somebody catches it; every message says what was expected, what was got, and what mends it.
"""


class HarnessError(Exception):
    """Anything this package raises on purpose."""


class OptimizerError(HarnessError):
    """An optimiser that broke the ask/tell protocol, such as a proposal with neither an architecture nor a reply."""


class BrokenRecording(HarnessError):
    """A recording does not replay as it ran.

    Args:
        name: the run, or the file.
        found: what is wrong with it.
    """

    def __init__(self, name: str, found: str) -> None:
        super().__init__(
            f"{name}: expected a whole recording, got {found}; verify it with `python -m cache verify FILE`, "
            "or let the command that recorded it go on"
        )


class TrainingError(HarnessError):
    """A job that cannot be trained as it stands."""


class InvalidJob(TrainingError, ValueError):
    """A file that holds no job, or a job that contradicts itself."""


class MalformedData(TrainingError):
    """The data cannot be read as what they are said to be."""


class NotThisJob(TrainingError):
    """A result or a checkpoint of another job, or a file that is neither."""
