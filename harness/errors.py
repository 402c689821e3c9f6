"""The harness' exceptions.

HarnessError
├── OptimizerError        an optimiser that broke the ask/tell protocol
├── BrokenRecording       a recording does not replay as it ran
├── UnfitMethod           a method that cannot search a space (in harness.protocol, where optimisers see it)
├── Exhausted             an optimiser that has nothing left to propose (there, too)
└── TrainingError         a job that cannot be trained as it stands
    ├── InvalidJob        a file that holds no job, or a job that contradicts itself
    ├── MalformedData     the data cannot be read as what they are said to be
    ├── NotThisJob        a result or a checkpoint of another job, or none at all
    ├── Unwell            the machine failed, not the job: another attempt may do
    └── GivenUp           jobs that used up their attempts

A class is where somebody catches it; every message says what was expected, what was got, and what mends it.
"""

from __future__ import annotations

from collections.abc import Mapping


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


class Unwell(TrainingError):
    """The machine failed, not the job: a disk that is full or gone, too little memory. Another attempt may do."""


class GivenUp(TrainingError):
    """Jobs that used up their attempts, though nothing is wrong with them as they stand.

    Attributes: `reasons`, by the key of each job, why in one line.
    """

    def __init__(self, message: str, reasons: Mapping[str, str]) -> None:
        super().__init__(message)
        self.reasons = reasons
