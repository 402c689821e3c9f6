"""NAS-Bench-Macro (Su et al. 2021, arXiv:2103.11922): 6,561 networks of eight layers, CIFAR-10, test accuracy only."""

from functools import partial

from tables.schema import Measure, Origin, Slot, Source
from tables.sources.digits import digit_codec, read_runs

OPERATIONS = ("identity", "inverted residual, kernel 3, expansion 3", "inverted residual, kernel 5, expansion 6")

NAS_BENCH_MACRO = Source(
    name="nas-bench-macro",
    measure=Measure.TEST_ONLY,
    slots=tuple(Slot(f"Layer {number}", OPERATIONS) for number in range(1, 9)),
    origin=Origin(
        repository="github.com/mingkai-zheng/GENIUS",
        revision="97361d30b2da337edd0c8e1ed71b7c88b4a85d38",
        path="benchmark/nas-bench-macro_cifar10.json",
        licence="none stated there; github.com/xiusu/NAS-Bench-Macro holds the same bytes under Apache-2.0",
    ),
    codec=digit_codec(first=0),
    read=partial(read_runs, runs_field="test_acc", mean_field="mean_acc"),
)
