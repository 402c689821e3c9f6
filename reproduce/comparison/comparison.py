"""Comparing: methods, recorded models and GENIUS on tables, from values as a notebook or a command has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import index
from os import PathLike
from pathlib import Path

from baselines import catalogue
from baselines.catalogue import AnyMethod
from cache.cassette import Cassette
from cache.client import Records
from cache.errors import CacheError
from genius_replay.showing import brief
from reproduce import benchmarks, recording
from reproduce.arguments import expect_types, positive, several
from reproduce.benchmarks import BENCHMARKS, AnySpace, AnyTable
from reproduce.comparison import report
from reproduce.comparison.contest import Contest, Rules, contest
from reproduce.comparison.contestants import GENIUS_BUDGET
from reproduce.data import store
from reproduce.errors import ReproduceError, UsageError
from reproduce.recording import Recorded
from reproduce.report import Report
from reproduce.searching import costs
from reproduce.searching.costs import AnyBound

BUDGETS = (10, 50, 100, 200, 300)
COUNTS = ("evaluations", "unique")  # what a budget may count
AS_ARRAYS = tuple(name for name, method in catalogue.METHODS.items() if method.arrays is not None)


@dataclass(frozen=True)
class Comparison:
    """Everybody who searched some tables under the same rules.

    Attributes:
        contests: one a table.
        count: what budgets count.
        quotes: whether GENIUS' printed results stand in for tables that are not at hand.
        remarks: what else is to be said.
    """

    contests: tuple[Contest, ...]
    count: str = COUNTS[0]
    quotes: bool = False
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = [each.name for each in self.contests]
        return brief(self, f"of {len(names)} table{'s' * (len(names) != 1)}: {', '.join(names)}")

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    def report(self) -> Report:
        """A row for everybody at every budget, with intervals, and what they show."""
        return report.report(self.contests, self.count, quotes=self.quotes, remarks=self.remarks)

    def draw(self, path: str | PathLike[str]) -> None:
        """Draw the regret against the budget, a panel a table, as PNG, SVG or PDF; raises as `report.draw` does."""
        report.draw(self.contests, self.count, Path(path))


def compare(
    methods: AnyMethod | Sequence[AnyMethod] | None = None,
    tables: AnyTable | Sequence[AnyTable] | None = None,
    *,
    space: AnySpace | None = None,
    budgets: int | Sequence[int] = BUDGETS,
    count: str = COUNTS[0],
    trials: int | None = None,
    seed: int = 0,
    recordings: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
    oracle: bool = False,
    constraints: AnyBound | Sequence[AnyBound] = (),
) -> Comparison:
    """Let methods search tables beside GENIUS and recorded models: same tables, same budgets, with intervals.

    >>> compare("random", "nas-bench-201-digits", budgets=10, trials=20)
    <Comparison of 1 table: nas-bench-201-digits>

    Args:
        methods: of the catalogue, `Method`s, or classes of one's own; all that run as arrays, unless it is said.
            Results of a method that states no version are not kept.
        tables: by name, the path of one's own, or opened; all that are at hand, unless it is said.
        space: that the tables are of, by name or one's own (`reproduce.open_table`).
        budgets: at each of which it is seen what everybody selects; by default 10, 50, 100, 200 and 300.
        count: what budgets count, "evaluations", which is the default, or "unique" architectures.
        trials: of each method; by default 1000, and fewer where trials run one by one.
        seed: of all methods.
        recordings: of models of one's own, who stand beside those of the project.
        oracle: also the DARTS relaxation of each table, which is given all of it.
        constraints: bounds of costs that are known of every table, such as "macs<=60e6"; regret and ranks are among
            what they allow.

    Raises:
        UsageError: a name is unknown, a number is not positive, or a recording holds no run of a model.
        DataMissing: a table has not been fetched.
        TableError: a table of one's own cannot be read.
        OptimizerError, InvalidArchitecture: a method fails, or proposes what is no architecture.
    """
    expect_types(compare, locals())
    budgets = [positive(each, "positive budgets") for each in several(budgets)]
    trials = None if trials is None else positive(trials, "a positive number of trials")
    if not budgets or count not in COUNTS:
        raise UsageError(f"expected a budget that counts {' or '.join(COUNTS)}, got {budgets} of {count!r}")
    chosen = {each.name: each for each in map(catalogue.method, several(AS_ARRAYS if methods is None else methods))}
    wanted: list[AnyTable | None] = [None]  # the one that the space has
    if tables is not None:
        wanted = [*several(tables)]
    elif space is None:
        wanted = [name for name in BENCHMARKS if benchmarks.at_hand(name)]
    paths = list(map(Path, several(recordings)))
    rules = Rules(tuple(sorted(set(budgets))), count, trials, index(seed), costs.read(several(constraints)))
    committed = {"": [run for path in recording.committed() for run in recording.read(path)]}
    files = Counter(path.name for path in paths)  # two files of one name keep their folders
    own = {f" ({path.name if files[path.name] == 1 else path})": recording.of_models(path) for path in paths}
    with _kept() as records:
        contests = tuple(
            contest(
                benchmarks.open_table(each, space), [*chosen.values()], rules, records, committed | own, oracle=oracle
            )
            for each in dict.fromkeys(wanted)
        )
    remarks = (*_elsewhere(own, contests), *_no_model(paths))
    quotes = "genius" in chosen and tables is None and not rules.constraints and GENIUS_BUDGET in rules.budgets
    return Comparison(contests, count, quotes, remarks)


def _elsewhere(recordings: Mapping[str, Sequence[Recorded]], contests: Sequence[Contest]) -> Iterator[str]:
    """The runs of recordings of one's own that searched something that is not compared here."""
    compared = {each.name for each in contests}
    for source, found in recordings.items():
        for target, count in Counter(run.specification.target for run in found).items():
            if target not in compared:
                yield f"{count} runs{source} searched {target}, which is not compared here, and are left out"


def _no_model(paths: Iterable[Path]) -> Iterator[str]:
    """The runs of recordings of one's own in which no model was asked."""
    for path in paths:
        if others := sum(run.specification.model is None for run in recording.read(path)):
            yield f"{others} runs ({path}) asked no language model and are left out; name their method with --methods"


def _kept() -> AbstractContextManager[Records]:
    """Where results of methods are kept: the user's store, or nowhere if that cannot be written."""
    try:
        return store("contests")
    except (CacheError, ReproduceError):
        return nullcontext(Cassette())
