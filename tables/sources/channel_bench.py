"""Channel-Bench-Macro (Su et al.): 16,384 settings of seven widths each of ResNet and MobileNet, CIFAR-10, test only.

A key's digits 1–4 are quarters of the full width; the choice is that digit less one, so choice 3 is the full width.
"""

from functools import partial

from tables.schema import Measure, Origin, Slot, Source
from tables.sources.digits import digit_codec, read_runs

RESNET_WIDTHS = (256, 256, 256, 512, 512, 512, 512)  # output channels at digit 4
MOBILENET_WIDTHS = (128, 768, 768, 768, 256, 1536, 1024)


def _source(name: str, path: str, widths: tuple[int, ...]) -> Source:
    return Source(
        name=name,
        measure=Measure.TEST_ONLY,
        slots=tuple(
            Slot(f"Layer {number}", tuple(f"{width * quarter // 4} channels" for quarter in range(1, 5)))
            for number, width in enumerate(widths, start=1)
        ),
        origin=Origin(
            repository="github.com/mingkai-zheng/GENIUS",
            revision="97361d30b2da337edd0c8e1ed71b7c88b4a85d38",
            path=path,
            licence="none stated there; github.com/xiusu/Channel-Bench-Macro holds the same bytes",
        ),
        codec=digit_codec(first=1),
        read=partial(read_runs, runs_field="acc", mean_field="mean"),
    )


CHANNEL_BENCH_RESNET = _source("channel-bench-resnet", "benchmark/Results_ResNet.json", RESNET_WIDTHS)
CHANNEL_BENCH_MOBILENET = _source("channel-bench-mobilenet", "benchmark/Results_MobileNet.json", MOBILENET_WIDTHS)
