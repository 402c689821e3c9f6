"""Supernet jobs: which weight-sharing search is made, its key in the store, and what came out of it. No torch.

A search trains all cells of NAS-Bench-201 at once, in one network with every operation on every edge, and with it the
logits that weigh the operations. As in `harness.training.jobs`, the job is the request of a record and all that
follows from it
is the answer: the cell, the logits at the end of every epoch, the accuracy of the supernet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from cache.key import JSON, request_key
from cache.record import Record
from harness.errors import InvalidJob, NotThisJob
from harness.spaces.nas_bench_201 import OPERATIONS, SPACE
from harness.training.jobs import Epoch, Job, Observed, Scale, read_as, read_object, written
from harness.training.recipes import Recipe

KIND = "supernet"  # of a search's record in the store
# Version of `harness.training.supernet`; raised whenever the result of a job may change, which changes every key.
CODE = "1"
ANY_CELL = (OPERATIONS.index("nor_conv_3x3"),) * len(SPACE.slots)
PROVENANCE: Mapping[str, JSON] = {"source": "searched by harness.supernet"}

Logits: TypeAlias = tuple[tuple[float, ...], ...]
"""One for every edge and operation: (6, 5)."""


@dataclass(frozen=True)
class Search:
    """How the logits are learned: by Adam, from the half of the pictures that trains no weights.

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
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InvalidJob(f"a search expects two betas from 0 to below 1, got {self.betas}: mend the search")
        if (self.tau is not None) != (self.method == "gdas"):
            raise InvalidJob(f"tau is for gdas and for it alone, got {self.tau} for {self.method}: mend the search")
        if self.tau is not None and (len(self.tau) != 2 or not min(self.tau) > 0):
            raise InvalidJob(f"gdas expects the first and the last tau, both above 0, got {self.tau}: mend the search")


@dataclass(frozen=True)
class SupernetJob:
    """One search: everything its result may depend on but the machine.

    Attributes:
        dataset: name of the data set, as in `harness.training.data.find`.
        digest: of the data set, "sha256:…".
        recipe: how the weights are trained; its split has two equal parts for training and validation, and its
            augmentation is for the former alone.
        search: how the logits are learned.
        seed: of first weights and logits, the order of the pictures, and GDAS' noise.
        network: how the supernet differs in size from the benchmark's networks.
        code: version of the module that searches.

    Raises:
        InvalidJob: if it contradicts itself.
    """

    dataset: str
    digest: str
    recipe: Recipe
    search: Search
    seed: int = 0
    network: Scale = field(default_factory=Scale)
    code: str = CODE

    def __post_init__(self) -> None:
        cell = SPACE.to_native(ANY_CELL)
        Job(SPACE.name, cell, self.dataset, self.digest, self.recipe, self.seed, self.network)  # refuses as for itself
        if self.recipe.split.train != self.recipe.split.validation:
            raise InvalidJob(
                "a supernet expects two equal parts of the pictures, for the weights and for the logits, got "
                f"{self.recipe.split.train} and {self.recipe.split.validation}: mend the recipe's split"
            )
        if self.recipe.mixed_precision:
            raise InvalidJob("a supernet computes in float32, got mixed precision: mend the recipe")

    def request(self) -> dict[str, JSON]:
        """The job as JSON: the request of its record, and what its file holds."""
        return {"space": SPACE.name, **asdict(self)}

    @cached_property
    def key(self) -> str:
        """The key of the search's record in the store."""
        return request_key(self.request(), kind=KIND, sample=0)

    def to_json(self) -> str:
        """The job as the text of a file."""
        return written(self.request())

    @classmethod
    def from_request(cls, request: Mapping[str, JSON]) -> SupernetJob:
        """The job of a request; fields with a default may be left out.

        Raises:
            InvalidJob: a field is missing, unknown, or of the wrong kind, or it is of another space.
        """
        given = dict(request)
        if (space := given.pop("space", SPACE.name)) != SPACE.name:
            raise InvalidJob(f"a supernet is of {SPACE.name}, got {space!r}: leave the space out")
        return read_as(cls, given, "job")

    @classmethod
    def read(cls, path: Path) -> SupernetJob:
        """The job in a file; errors as in `from_request`, and InvalidJob if there is none in it."""
        return cls.from_request(read_object(path))


@dataclass(frozen=True)
class SupernetOutcome:
    """What follows from a job: on one kind of machine, two searches of a job have one outcome.

    Attributes:
        architecture: the operation with the largest logit on every edge, in the space's own notation.
        logits: before the first epoch and after each.
        curve: every epoch, validation with the weights that the operations have then: of DARTS all of them, of GDAS
            the cell that `architecture` would be.
    """

    architecture: str
    logits: tuple[Logits, ...]
    curve: tuple[Epoch, ...]


@dataclass(frozen=True)
class Searched:
    """A search that was made, what came out, and under which circumstances."""

    job: SupernetJob
    outcome: SupernetOutcome
    observed: Observed

    def to_record(self) -> Record:
        """The record of the search, for the store; `Record.to_line` of it is the file that a search leaves."""
        return Record(
            request=self.job.request(),
            answer=asdict(self.outcome),
            kind=KIND,
            provenance=PROVENANCE,
            observed=asdict(self.observed),
        )

    @classmethod
    def from_record(cls, record: Record) -> Searched:
        """The inverse of `to_record`.

        Raises:
            NotThisJob: the record is of another kind.
            InvalidJob: it holds no job, or no result.
            InvalidArchitecture: its cell is none.
        """
        if record.kind != KIND:
            raise NotThisJob(f"expected a record of kind {KIND}, got {record.kind}: ask for the key of a search")
        outcome = read_as(SupernetOutcome, record.answer, "answer")
        SPACE.from_native(outcome.architecture)
        return cls(SupernetJob.from_request(record.request), outcome, read_as(Observed, record.observed, "observed"))
