"""Jobs: what is trained or searched, the key under which the store knows it, and what came out. No torch.

A job says everything that may change its result, so its key finds the result wherever it was made. As a record of the
store a job is the request; what follows from it, such as the curve and the final figures, is the answer; what may
differ between two trainings of one job, such as time and device, is observed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import msgspec

from cache.errors import InvalidRequest
from cache.key import JSON, digest_bytes, request_key
from cache.record import Record
from genius_replay.showing import brief
from harness import spaces
from harness.errors import InvalidJob, NotThisJob
from harness.spaces.nas_bench_201 import SPACE
from harness.training import recipes
from harness.training.recipes import Recipe
from tables.space import Architecture

KIND, SUPERNET = "training", "supernet"  # of the records
CODE = "1"  # version of the modules that train; raised whenever a result may change, which changes every key

T = TypeVar("T")


@cache
def code_digest() -> str:
    """Digest of the sources that decide what a training gives; records hold it, since `CODE` is raised by hand."""
    here = Path(__file__).parent
    folders = (here / "data", here / "networks", here.parent / "spaces")
    sources = [here / "pictures.py", here / "supernet.py", here / "train.py"]
    sources += (source for folder in folders for source in sorted(folder.glob("*.py")))
    contents = (f"{source.parent.name}/{source.name}\n{source.read_text(encoding='utf-8')}\n" for source in sources)
    return digest_bytes("".join(contents).encode())


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every part of a job and of its result is: immutable, without unknown fields, written with its defaults."""


def keepable(measured: object) -> Any:
    """What was measured in a form that a record can hold: floats that JSON writes as integers beyond 2**53 as text."""
    if isinstance(measured, float) and 2**53 <= abs(measured) < 1e21:
        return repr(measured)
    if isinstance(measured, Mapping):
        return {name: keepable(each) for name, each in measured.items()}
    return [keepable(each) for each in measured] if isinstance(measured, (list, tuple)) else measured


def converted(content: object, kind: type[T], what: str, *, strict: bool = True) -> T:
    """The JSON as a value of `kind`; what is not `strict` may hold numbers as text.

    Raises:
        InvalidJob: it is of another form; what contradicts itself raises what `kind` says.
    """
    try:
        return msgspec.convert(content, kind, strict=strict)
    except msgspec.ValidationError as error:
        if error.__cause__ is not None:  # a part that refused its values
            raise error.__cause__ from None
        fields = ", ".join(field.name for field in msgspec.structs.fields(kind))  # type: ignore[arg-type]
        raise InvalidJob(f"{what}: expected {fields}, each in its form, got: {error}; mend the file") from error


def builder(space: str) -> str:
    """The function of `harness.training.networks` that builds a space's networks, as "module.function".

    Raises:
        HarnessError: no space has this name.
        InvalidJob: nothing builds its networks.
    """
    if (function := spaces.find(space).FACTS.network) is None:
        raise InvalidJob(f"{space} names no function that builds its networks: name it as `network` in its FACTS")
    return function


# -- what is to be done ---

S = TypeVar("S", bound="Spec")


class Spec(Data, frozen=True, dict=True):
    """Work for the queue: what its result may depend on but the machine, and so the key of that result."""

    kind: ClassVar[str]
    """Of its record."""
    source: ClassVar[str]
    """Where its record says that the result is from."""

    def request(self) -> dict[str, JSON]:
        """The job as JSON: the request of its record, and what its file holds."""
        return dict(msgspec.to_builtins(self))

    @cached_property
    def key(self) -> str:
        """The key of the job's record in the store."""
        return request_key(self.request(), kind=self.kind, sample=0)

    def to_json(self) -> str:
        """The job as the text of a file."""
        return json.dumps(self.request(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_request(cls: type[S], request: Mapping[str, JSON]) -> S:
        """The job of a request; fields with a default may be left out, and a recipe may be its name.

        Raises:
            InvalidJob: a field is missing, unknown, or of the wrong kind.
            TrainingError: no recipe has this name.
            HarnessError, InvalidArchitecture: as in the class.
        """
        recipe = request.get("recipe")
        named = {"recipe": msgspec.to_builtins(recipes.find(recipe))} if isinstance(recipe, str) else {}
        job = converted({**request, **named}, cls, "job")
        try:
            _ = job.key
        except InvalidRequest as error:
            raise InvalidJob(f"job: {error}") from error
        return job


def of_request(request: Mapping[str, JSON]) -> Job | SupernetJob:
    """The training or the search of a request; raises as `Spec.from_request` does."""
    return SupernetJob.from_request(request) if "search" in request else Job.from_request(request)


def read(path: Path) -> dict[str, JSON]:
    """The request of the job in a file; raises InvalidJob if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidJob(f"{path}: expected a job as JSON, found none ({reason}); name a file with one") from error
    if not isinstance(content, dict):
        raise InvalidJob(f"{path}: expected a job as a JSON object, got {type(content).__name__}")
    return content


class Scale(Data, frozen=True):
    """How a network differs in size from the benchmark's own, which is the default.

    Attributes:
        width: factor on every number of channels between input and classifier; each is rounded, and 1 at least.
        cells_per_stage: of NAS-Bench-201; None is the benchmark's 5.
        light_reduction: of NAS-Bench-201: between stages an average pool and a 1×1 convolution, no residual branch.
    """

    width: float = 1.0
    cells_per_stage: int | None = None
    light_reduction: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.width < math.inf:
            raise InvalidJob(f"a network expects a width above 0, got {self.width}: 1 is the benchmark's own")
        if self.cells_per_stage is not None and self.cells_per_stage < 1:
            raise InvalidJob(f"a network expects cells_per_stage from 1 on, got {self.cells_per_stage}")


class Training(Spec, frozen=True, dict=True):
    """How architectures of a space are trained: everything of a job but the architecture.

    Attributes:
        space: name of the search space.
        dataset: name of the data set, as in `harness.training.data.find`.
        digest: of the data set, "sha256:…".
        recipe: how it is trained; its fields, so that the job says all.
        seed: of the initial weights, the order of the pictures and their augmentation, from 0.
        network: how the network differs in size from the benchmark's own.
        code: version of the module that trains.

    Raises:
        HarnessError: no space has this name.
        InvalidJob: anything else that contradicts itself.
    """

    space: str
    dataset: str
    digest: str
    recipe: Recipe
    seed: int = 0
    network: Scale = Scale()
    code: str = CODE

    def __post_init__(self) -> None:
        spaces.find(self.space)
        if re.fullmatch("sha256:[0-9a-f]{64}", self.digest) is None:
            raise InvalidJob(
                f"a job expects the digest of its data set, sha256: and 64 hexadecimal digits, got {self.digest!r}: "
                f"python -m harness.training --digest {self.dataset} prints it"
            )
        if not 0 <= self.seed < 2**32:
            raise InvalidJob(f"a job expects a seed from 0 to 2**32 - 1, got {self.seed}: choose another")
        if self.space != SPACE.name and (self.network.cells_per_stage or self.network.light_reduction):
            raise InvalidJob(f"only {SPACE.name} has cells and reductions, got them for {self.space}: leave them out")
        side = self.recipe.input_size
        if self.space == SPACE.name and not self.network.light_reduction and side % 4:
            raise InvalidJob(  # the two branches of a reduction would not meet, or fill up as they should not
                f"{SPACE.name} halves pictures twice and expects a side that 4 divides, got {side}: mend the recipe"
            )

    def __repr__(self) -> str:
        return brief(self, f"of {self.space} on {self.dataset}, epochs {self.recipe.epochs}, seed {self.seed}")

    def job(self, architecture: Architecture) -> Job:
        """The training of one architecture; raises InvalidArchitecture if it is none of the space."""
        native = spaces.find(self.space).SPACE.to_native(architecture)
        return Job(**msgspec.structs.asdict(self), architecture=native)


class Job(Training, frozen=True, kw_only=True, dict=True):
    """The training of one architecture, in the space's own notation (`Space.to_native`).

    Raises:
        InvalidArchitecture: it is no architecture of the space; else as in `Training`.
    """

    kind: ClassVar[str] = KIND
    source: ClassVar[str] = "trained by harness.train"

    architecture: str

    def __post_init__(self) -> None:
        super().__post_init__()
        spaces.find(self.space).SPACE.from_native(self.architecture)

    @property
    def choices(self) -> Architecture:
        """The architecture as a tuple."""
        return spaces.find(self.space).SPACE.from_native(self.architecture)


class Search(Data, frozen=True):
    """How the logits of a supernet are learned: by Adam, from the half of the pictures that trains no weights.

    Attributes:
        method: DARTS by the gradient of the validation loss at the weights as they are, or after one more step of
            theirs (Liu et al. 2019, arXiv:1806.09055); or GDAS, one sampled cell a pass (Dong & Yang 2019,
            arXiv:1910.04465).
        learning_rate: of Adam.
        weight_decay: of the logits.
        betas: of Adam.
        tau: GDAS' temperature in the first and in the last epoch, linear between; None for DARTS, which has none.

    Raises:
        InvalidJob: if a number is out of range.
    """

    method: Literal["darts-first-order", "darts-second-order", "gdas"]
    learning_rate: float = 3e-4
    weight_decay: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    tau: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not (0 < self.learning_rate < math.inf and 0 <= self.weight_decay < math.inf):
            raise InvalidJob(
                "a search expects a learning rate above 0 and a weight decay from 0 on, got "
                f"{self.learning_rate} and {self.weight_decay}: mend the search"
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise InvalidJob(f"a search expects two betas from 0 to below 1, got {self.betas}: mend the search")
        if (self.tau is not None) != (self.method == "gdas"):
            raise InvalidJob(f"tau is for gdas and for it alone, got {self.tau} for {self.method}: mend the search")
        if self.tau is not None and not min(self.tau) > 0:
            raise InvalidJob(f"gdas expects the first and the last tau, both above 0, got {self.tau}: mend the search")


class SupernetJob(Training, frozen=True, kw_only=True, dict=True):
    """A weight-sharing search: all cells of NAS-Bench-201 at once, in one network with every operation on every edge.

    The recipe's split has two equal parts, one for the weights and one for the logits that weigh the operations, and
    its augmentation is for the former alone. The seed is also that of the first logits and of GDAS' noise.

    Raises:
        InvalidJob: if it contradicts itself.
    """

    kind: ClassVar[str] = SUPERNET
    source: ClassVar[str] = "searched by harness.supernet"

    space: str = SPACE.name
    search: Search

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.space != SPACE.name:
            raise InvalidJob(f"a supernet is of {SPACE.name}, got {self.space!r}: leave the space out")
        if self.recipe.split.train != self.recipe.split.validation:
            raise InvalidJob(
                "a supernet expects two equal parts of the pictures, for the weights and for the logits, got "
                f"{self.recipe.split.train} and {self.recipe.split.validation}: mend the recipe's split"
            )
        if self.recipe.mixed_precision:
            raise InvalidJob("a supernet computes in float32, got mixed precision: mend the recipe")


# -- what came out ---


class Epoch(Data, frozen=True):
    """Where a training stood after one epoch.

    Attributes:
        train_loss: mean cross-entropy over the epoch, as it was trained on; None if it was not finite.
        validation: accuracy in percent; None without validation pictures, or if the loss was not finite.
        validation_loss: mean cross-entropy; None likewise.
    """

    train_loss: float | None
    validation: float | None
    validation_loss: float | None


class Outcome(Data, frozen=True):
    """What follows from a job: on one kind of machine, two trainings of a job have one outcome.

    Attributes:
        curve: every epoch; the last is the first whose training loss was not finite, if there is one.
        validation: accuracy in percent after the last epoch; None without validation pictures.
        validation_loss: mean cross-entropy; None likewise.
        test: accuracy in percent after the last epoch.
        test_loss: mean cross-entropy.

    The last four are None if a loss was not finite: then nothing `is_measured`.
    """

    curve: tuple[Epoch, ...]
    validation: float | None
    validation_loss: float | None
    test: float | None
    test_loss: float | None

    @property
    def is_measured(self) -> bool:
        """Whether every loss was finite that accuracies rest on; what a network of NaN scores is no accuracy."""
        losses = [self.test_loss, *(epoch.train_loss for epoch in self.curve)]
        return None not in losses and (self.validation is None) == (self.validation_loss is None)


Logits: TypeAlias = tuple[tuple[float, ...], ...]
"""One for every edge and operation: (6, 5)."""


class SupernetOutcome(Data, frozen=True):
    """What follows from a search: on one kind of machine, two searches of a job have one outcome.

    Attributes:
        architecture: the operation with the largest logit on every edge, in the space's own notation.
        logits: before the first epoch and after each.
        curve: every epoch, validation with the weights that the operations have then: of DARTS all of them, of GDAS
            the cell that `architecture` would be.

    Raises:
        InvalidArchitecture: its cell is none.
        InvalidJob: a loss was not finite.
    """

    architecture: str
    logits: tuple[Logits, ...]
    curve: tuple[Epoch, ...]

    def __post_init__(self) -> None:
        SPACE.from_native(self.architecture)
        if any(None in (epoch.train_loss, epoch.validation_loss) for epoch in self.curve):
            raise InvalidJob(
                "a search with shared weights expects finite losses, got one that is not: what it found is no result; "
                "lower a learning rate"
            )


class Stretch(Data, frozen=True):
    """What trained from the beginning, or from a checkpoint on, until a training ended or was interrupted.

    Attributes:
        device: its name.
        settings: threads, determinism, precision, as they were.
        versions: of Python and the libraries that trained.
        code: digest of the sources that trained; empty if it was not noted.
    """

    device: str
    settings: Mapping[str, bool | int | str] = {}
    versions: Mapping[str, str] = {}
    code: str = ""


class Observed(Stretch, frozen=True, kw_only=True):
    """What may differ between two trainings of one job: the last stretch, and what is of all of them.

    Attributes:
        finished: when, in UTC, ISO 8601.
        seconds: of wall clock, over all attempts whose checkpoints were taken up.
        peak_memory_bytes: of the GPU, or without one of the process.
        resumed_at: the epochs, counted from 0, before which a checkpoint was taken up.
        log: what was printed.
        earlier: the stretches that ended at `resumed_at`.
    """

    finished: str
    seconds: float
    peak_memory_bytes: int
    resumed_at: tuple[int, ...] = ()
    log: tuple[str, ...] = ()
    earlier: tuple[Stretch, ...] = ()

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """All of them, in order."""
        return (*self.earlier, Stretch(self.device, self.settings, self.versions, self.code))


def trained_with(trainings: Iterable[Observed]) -> dict[str, str]:
    """The versions of Python and the libraries that trained, for the provenance of a report; all where they differ."""
    found: dict[str, dict[str, None]] = {}
    for stretch in (stretch for each in trainings for stretch in each.stretches):
        for name, version in stretch.versions.items():
            found.setdefault(f"trained with {name}", {})[version] = None
    return {name: " and ".join(versions) for name, versions in found.items()}


J = TypeVar("J", bound=Spec)
O = TypeVar("O")  # noqa: E741 - an outcome
D = TypeVar("D", bound="Done")  # type: ignore[type-arg]


class Done(Data, Generic[J, O], frozen=True):
    """A job, what came out of it, and under which circumstances."""

    job: J
    outcome: O
    observed: Observed

    def to_record(self) -> Record:
        """The record of the job, for the store; `Record.to_line` of it is the file a worker leaves."""
        return Record(
            request=self.job.request(),
            answer=keepable(msgspec.to_builtins(self.outcome)),
            kind=self.job.kind,
            provenance={"source": self.job.source},
            observed=msgspec.to_builtins(self.observed),
        )

    @classmethod
    def from_record(cls: type[D], record: Record) -> D:
        """The inverse of `to_record`.

        Raises:
            NotThisJob: the record is of another kind.
            InvalidJob: it holds no job, or no result; else as in the classes of the job and of its outcome.
        """
        made, came, _ = (field.type for field in msgspec.structs.fields(cls))
        if record.kind != made.kind:
            raise NotThisJob(f"expected a record of kind {made.kind}, got {record.kind}: ask for a job's key")
        outcome = converted(record.answer, came, "answer", strict=False)
        return cls(made.from_request(record.request), outcome, converted(record.observed, Observed, "observed"))


class Trained(Done[Job, Outcome], frozen=True):
    """A training that was made."""


class Searched(Done[SupernetJob, SupernetOutcome], frozen=True):
    """A search with shared weights that was made."""
