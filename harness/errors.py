"""The harness' exceptions.

HarnessError
├── OptimizerError        an optimiser that broke the ask/tell protocol
├── SpaceMismatch         a table of another space
├── UnknownSpace          no space has this name
├── BrokenRecording       a recording does not replay as it ran
├── UnfitMethod           a method that cannot search a space (in harness.protocol, where optimisers see it)
├── QueueError            a folder that holds no such job, or cannot be worked on (in harness.training.queue)
├── ClaimRefused          a job that was cancelled, or cannot be locked (in harness.training.claim)
└── TrainingError         a job that cannot be trained as it stands
    ├── InvalidJob        a file that holds no job, or a job that contradicts itself
    ├── UnknownRecipe     no recipe has this name
    ├── UnknownDataset    no data set has this name
    ├── DataNotFound      the data are not where they were looked for
    ├── MalformedData     the data cannot be read as what they are said to be
    ├── WrongDigest       the data are not those of the job
    ├── NotThisJob        a result or a checkpoint of another job, or none at all
    ├── NoDevice          the device asked for is not in this machine
    ├── OutOfMemory       the job does not fit into the device
    ├── NotTrained        a job without a result, where nothing may be trained (in harness.objectives)
    └── TrainingFailed    jobs that were given up (in harness.objectives)
"""


class HarnessError(Exception):
    """Anything this package raises on purpose."""


class OptimizerError(HarnessError):
    """An optimiser that broke the ask/tell protocol, such as a proposal with neither an architecture nor a reply."""


class SpaceMismatch(HarnessError):
    """A table whose slots are not those of the space it is searched in."""


class UnknownSpace(HarnessError):
    """No space has this name."""


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


class UnknownRecipe(TrainingError):
    """No recipe has this name."""


class UnknownDataset(TrainingError):
    """No data set has this name."""


class DataNotFound(TrainingError):
    """The data are not where they were looked for, or no place was named."""


class MalformedData(TrainingError):
    """The data cannot be read as what they are said to be."""


class WrongDigest(TrainingError):
    """The data are not those that the job names."""


class NotThisJob(TrainingError):
    """A result or a checkpoint of another job, or a file that is neither."""


class NoDevice(TrainingError):
    """The device asked for is not in this machine."""


class OutOfMemory(TrainingError):
    """The job does not fit into the memory of the device."""
