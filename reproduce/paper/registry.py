"""Every table and figure, a row each: a new one is a function that builds a report, and a row here.

A row names its function and does not import it, so that a command loads what it prints and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

from genius_replay.advice import unknown
from reproduce.errors import UsageError

if TYPE_CHECKING:
    from reproduce.report import Report


class Item(NamedTuple):
    """A table or figure.

    Attributes:
        name: on the command line, in the lock, and where the figures of the paper are kept.
        builds: "module.function" of `reproduce.paper`; called with the name, it gives a `Report`.
        title: what `list` and `--help` say of it.
        benchmarks: the benchmark tables that it is about; without any it is about the ImageNet search.
    """

    name: str
    builds: str
    title: str
    benchmarks: tuple[str, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether it is a figure, whose module has a function `draw` beside that which builds its report."""
        return self.name.startswith(("figure", "feedback"))

    def report(self) -> Report:
        """Build the report."""
        report: Report = resolve_name(f"reproduce.paper.{self.builds}")(self.name)
        return report

    def draw(self, report: Report, path: Path) -> None:
        """Draw the report of a figure as PNG, SVG or PDF, by the path's suffix.

        Raises:
            UsageError: if matplotlib is not installed.
            ReproduceError: if the file cannot be written; what was there before stays.
        """
        resolve_name(f"reproduce.paper.{self.builds.rpartition('.')[0]}.draw")(report, path)


CELLS = ("nas-bench-201-cifar10", "nas-bench-201-cifar100", "nas-bench-201-imagenet16-120")
MACRO = ("nas-bench-macro",)
CHANNELS = ("channel-bench-resnet", "channel-bench-mobilenet")

_ITEMS = (
    Item("table1", "nas_bench_201.table1", "NAS-Bench-201: GENIUS from its trials, other methods looked up", CELLS),
    Item("table2", "imagenet.table2", "ImageNet, MobileNetV2 search space: both GENIUS searches replayed"),
    Item("table3", "imagenet.table3", "ablation: epochs of each training during the search"),
    Item("table4", "imagenet.table4", "ablation: input size of each training during the search"),
    Item("table5", "imagenet.table5", "transfer to classification; costs of GENIUS' networks computed"),
    Item("table6", "imagenet.table6", "transfer to detection"),
    Item("table7", "trials.report", "NAS-Bench-Macro at temperature 1: every proposal, accuracy and rank", MACRO),
    Item("table8", "trials.report", "NAS-Bench-Macro at temperature 0", MACRO),
    Item("table9", "trials.report", "Channel-Bench-Macro, ResNet", CHANNELS[:1]),
    Item("table10", "trials.report", "Channel-Bench-Macro, MobileNet", CHANNELS[1:]),
    Item("table11", "nas_bench_201.trials", "NAS-Bench-201, CIFAR-10: validation accuracy by iteration", CELLS[:1]),
    Item("table12", "nas_bench_201.trials", "NAS-Bench-201, CIFAR-100", CELLS[1:2]),
    Item("table13", "nas_bench_201.trials", "NAS-Bench-201, ImageNet16-120", CELLS[2:]),
    Item("table14", "appendix.table14", "the ImageNet search space, as printed, and as prompt and cost have it"),
    Item(
        "figure2",
        "curves.figure2",
        "NAS-Bench-Macro, accuracy and rank by iteration; --out FILE.png or .svg draws it",
        MACRO,
    ),
    Item("figure3", "curves.figure3", "Channel-Bench-Macro, accuracy and rank by iteration", CHANNELS),
    Item("figure_temperature", "temperature.report", "temperature 1 against 0, with what three trials can show", MACRO),
    Item("feedback_trend", "feedback.trend.report", "did accuracies rise over the iterations of 37 runs"),
    Item("feedback_first", "feedback.first.report", "the first proposal, and what the rest added", (*MACRO, *CHANNELS)),
    Item("feedback_cost", "feedback.cost.report", "what followed on being told that a design costs too much"),
    Item("feedback_distance", "feedback.distance.report", "how far each proposal is from the best so far"),
    Item("principles", "principles.report", "section 5.3 measured: depth, kernel and expansion by stage"),
)

ITEMS = {item.name: item for item in _ITEMS}
"""Every table and figure by its name, in the order of the paper."""


def build_report(name: str) -> Report:
    """A table or figure of the paper, with the status of every cell.

    >>> build_report("table3").title
    'Table 3. ...'

    Raises:
        UsageError: there is none of this name.
        what the function that builds it raises.
    """
    if name not in ITEMS:
        raise UsageError(unknown("table or figure", name, ITEMS))
    return ITEMS[name].report()
