"""Training jobs: what is trained, the key under which the store knows it, and what came out. No torch.

A job says everything that may change its result, so its key finds the result wherever it was trained. As a record of
the store a job is the request; what follows from it, the curve and the final figures, is the answer; what may differ
between two trainings of one job, such as time and device, is observed.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

from cache.errors import CacheError, InvalidRequest
from cache.key import JSON, canonical, request_key
from cache.record import Record
from harness import spaces
from harness.errors import InvalidJob, NotThisJob
from harness.training import recipes
from harness.training.recipes import Recipe
from tables.space import Architecture

KIND = "training"  # of a job's record in the store
CODE = (
    "1"  # version of `harness.training.train`; raised whenever the result of a job may change, which changes every key
)
PROVENANCE: Mapping[str, JSON] = {"source": "trained by harness.train"}

T = TypeVar("T")


class Keyed(Protocol):
    """A job, as far as its result is concerned."""

    @property
    def key(self) -> str:
        """The key of its record."""


# -- what is trained ---


@dataclass(frozen=True)
class Scale:
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


@dataclass(frozen=True)
class Job:
    """One training: everything its result may depend on but the machine.

    Attributes:
        space: name of the search space.
        architecture: in the space's own notation (`Space.to_native`).
        dataset: name of the data set, as in `harness.training.data.find`.
        digest: of the data set, "sha256:…".
        recipe: how it is trained; its fields, so that the job says all.
        seed: of the initial weights, the order of the pictures and their augmentation, from 0.
        network: how the network differs in size from the benchmark's own.
        code: version of the training module.

    Raises:
        UnknownSpace: no space has this name.
        InvalidArchitecture: it is no architecture of the space.
        InvalidJob: anything else that contradicts itself.
    """

    space: str
    architecture: str
    dataset: str
    digest: str
    recipe: Recipe
    seed: int = 0
    network: Scale = Scale()
    code: str = CODE

    def __post_init__(self) -> None:
        spaces.find(self.space).SPACE.from_native(self.architecture)
        if re.fullmatch("sha256:[0-9a-f]{64}", self.digest) is None:
            raise InvalidJob(
                f"a job expects the digest of its data set, sha256: and 64 hexadecimal digits, got {self.digest!r}: "
                f"python -m harness.training.data {self.dataset} prints it"
            )
        if not 0 <= self.seed < 2**32:
            raise InvalidJob(f"a job expects a seed from 0 to 2**32 - 1, got {self.seed}: choose another")
        if self.space != "nas-bench-201" and (self.network.cells_per_stage or self.network.light_reduction):
            raise InvalidJob(f"only nas-bench-201 has cells and reductions, got them for {self.space}: leave them out")

    @property
    def choices(self) -> Architecture:
        """The architecture as a tuple."""
        return spaces.find(self.space).SPACE.from_native(self.architecture)

    def request(self) -> dict[str, JSON]:
        """The job as JSON: the request of its record, and what its file holds."""
        return asdict(self)

    @cached_property
    def key(self) -> str:
        """The key of the job's record in the store."""
        return request_key(self.request(), kind=KIND, sample=0)

    def to_json(self) -> str:
        """The job as the text of a file."""
        return written(self.request())

    @classmethod
    def from_request(cls, request: Mapping[str, JSON]) -> Job:
        """The job of a request; fields with a default may be left out, and a recipe may be its name.

        Raises:
            InvalidJob: a field is missing, unknown, or of the wrong kind.
            UnknownRecipe: no recipe has this name.
            UnknownSpace, InvalidArchitecture: as in the class.
        """
        recipe = request.get("recipe")
        named = {"recipe": asdict(recipes.find(recipe))} if isinstance(recipe, str) else {}
        job = read_as(cls, {**request, **named}, "job")
        try:
            canonical(job.request())
        except InvalidRequest as error:
            raise InvalidJob(f"job: {error}") from error
        return job

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job in a file; errors as in `from_request`, each with the file's name."""
        return cls.from_request(read_object(path))


@dataclass(frozen=True)
class Training:
    """How architectures of a space are trained: everything of a job but the architecture; see
    `harness.training.jobs.Job`."""

    space: str
    dataset: str
    digest: str
    recipe: Recipe
    network: Scale
    seed: int = 0
    code: str = CODE

    def job(self, architecture: Architecture) -> Job:
        """The training of one architecture.

        Raises:
            InvalidJob, UnknownSpace, InvalidArchitecture: as in `Job`.
        """
        native = spaces.find(self.space).SPACE.to_native(architecture)
        return Job(self.space, native, self.dataset, self.digest, self.recipe, self.seed, self.network, self.code)

    def to_json(self) -> dict[str, JSON]:
        """All of it, as a part of a record's request."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, JSON]) -> Training:
        """The inverse of `to_json`; raises as `Job.from_request` does."""
        space = spaces.find(str(content.get("space"))).SPACE
        any_of_them = space.to_native([0] * len(space.slots))
        job = Job.from_request({**content, "architecture": any_of_them})
        return cls(job.space, job.dataset, job.digest, job.recipe, job.network, job.seed, job.code)


# -- what came out ---


@dataclass(frozen=True)
class Epoch:
    """Where a training stood after one epoch.

    Attributes:
        train_loss: mean cross-entropy over the epoch, as it was trained on; None if it was not finite.
        validation: accuracy in percent; None without validation pictures, or where it was not measured.
        validation_loss: mean cross-entropy; None likewise, or if it was not finite.
    """

    train_loss: float | None
    validation: float | None
    validation_loss: float | None


@dataclass(frozen=True)
class Outcome:
    """What follows from a job: on one kind of machine, two trainings of a job have one outcome.

    Attributes:
        curve: every epoch.
        validation: accuracy in percent after the last epoch; None without validation pictures.
        validation_loss: mean cross-entropy; None likewise, or if it was not finite.
        test: accuracy in percent after the last epoch.
        test_loss: mean cross-entropy; None if it was not finite.
    """

    curve: tuple[Epoch, ...]
    validation: float | None
    validation_loss: float | None
    test: float
    test_loss: float | None


@dataclass(frozen=True)
class Observed:
    """What may differ between two trainings of one job.

    Attributes:
        finished: when, in UTC, ISO 8601.
        seconds: of wall clock, over all attempts whose checkpoints were taken up.
        device: its name.
        peak_memory_bytes: of the GPU, or without one of the process.
        resumed_at: the epochs, counted from 0, before which a checkpoint was taken up.
        settings: threads, determinism, precision, compilation, as they were.
        versions: of Python and the libraries that trained.
        log: what was printed.
    """

    finished: str
    seconds: float
    device: str
    peak_memory_bytes: int
    resumed_at: tuple[int, ...] = ()
    settings: Mapping[str, bool | int | str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came out of a job, and under which circumstances."""

    outcome: Outcome
    observed: Observed


def to_record(job: Job, result: Result) -> Record:
    """The record of a trained job, for the store; `Record.to_line` of it is the file a worker leaves."""
    return Record(
        request=job.request(),
        answer=asdict(result.outcome),
        kind=KIND,
        provenance=PROVENANCE,
        observed=asdict(result.observed),
    )


def from_record(record: Record) -> tuple[Job, Result]:
    """The inverse of `to_record`.

    Raises:
        NotThisJob: the record is of another kind.
        InvalidJob: it holds no job, or no result.
    """
    if record.kind != KIND:
        raise NotThisJob(f"expected a record of kind {KIND}, got {record.kind}: ask for a job's key")
    outcome = read_as(Outcome, record.answer, "answer")
    return Job.from_request(record.request), Result(outcome, read_as(Observed, record.observed, "observed"))


def written(request: Mapping[str, JSON]) -> str:
    """A request as the text of a job's file, which `read_object` reads."""
    return json.dumps(request, indent=2, ensure_ascii=False) + "\n"


def read_object(path: Path) -> dict[str, JSON]:
    """The JSON object in a job's file; raises InvalidJob if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidJob(f"{path}: expected a job as JSON, found none ({reason}); name a file with one") from error
    if not isinstance(content, dict):
        raise InvalidJob(f"{path}: expected a job as a JSON object, got {type(content).__name__}")
    return content


def read_result(path: Path, job: Keyed) -> Record:
    """The verified record in the file that a worker left.

    Raises:
        NotThisJob: the file is damaged, or of another job; what to do is in the message.
        OSError: it cannot be read.
    """
    line = path.read_bytes()
    try:
        return Record.from_line(line, expected_key=job.key)
    except CacheError as error:
        raise NotThisJob(
            f"{path}: expected the result of {job.key}, got: {error} Or delete it, to train again."
        ) from error


# -- JSON → dataclasses ---


def read_as(kind: type[T], value: object, path: str) -> T:
    """The value as `kind`: a number, text, None, a union or a literal of such, a tuple, a mapping, or a dataclass."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind) and isinstance(value, Mapping):
        return _read_fields(kind, value, path)
    if origin is types.UnionType:
        return cast(T, None) if value is None else cast(T, read_as(arguments[0], value, path))
    if origin is tuple and isinstance(value, (list, tuple)):
        return cast(T, tuple(read_as(arguments[0], each, f"{path}[{n}]") for n, each in enumerate(value)))
    if origin is Mapping and isinstance(value, Mapping):
        return cast(T, value)
    if kind is float and type(value) is int:
        return cast(T, float(value))
    if type(value) is kind and not (isinstance(value, float) and not math.isfinite(value)):
        return value
    if origin is Literal and value in arguments:
        return cast(T, value)
    expected = f"one of {', '.join(map(str, arguments))}" if origin is Literal else getattr(kind, "__name__", str(kind))
    raise InvalidJob(f"{path}: expected {expected}, got {value!r}; mend the file")


def _read_fields(kind: type[T], value: Mapping[str, Any], path: str) -> T:
    hints = typing.get_type_hints(kind)
    required = {each.name for each in fields(cast(Any, kind)) if each.default is each.default_factory is MISSING}
    if missing := sorted(required - value.keys()):
        raise InvalidJob(
            f"{path}: expected also {', '.join(missing)}, got only {', '.join(value)}; add what is missing"
        )
    if unknown := sorted(value.keys() - hints.keys()):
        raise InvalidJob(f"{path}: expected {', '.join(hints)}, got also {', '.join(unknown)}; leave that out")
    return kind(**{name: read_as(hints[name], each, f"{path}.{name}") for name, each in value.items()})
