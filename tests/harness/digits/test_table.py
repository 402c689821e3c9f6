"""The private table: its data, its rows, its costs, and the file that comes with the package."""

from __future__ import annotations

import random
import re
import shlex
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch: install the extra `train`")
pytest.importorskip("sklearn", reason="digits come with scikit-learn: install the extra `train`")

from harness.digits import table as noisy_digits  # noqa: E402
from harness.digits.table import NAME, SETTING, cost  # noqa: E402
from harness.spaces.cells import cell_numbers, distinct_cells  # noqa: E402
from harness.spaces.nas_bench_201 import SPACE  # noqa: E402
from tables.__main__ import main  # noqa: E402
from tables.storage import embedded  # noqa: E402
from tables.table import HeldOut, Table  # noqa: E402
from tests.harness.digits.plain_networks import plain_network  # noqa: E402

FlopCounterMode = import_module("torch.utils.flop_counter").FlopCounterMode


def test_every_digit_is_in_one_part() -> None:
    parts = noisy_digits._digits()
    assert [len(labels) for _, labels in parts] == [300, 700, 797]
    whole = np.concatenate([pictures.reshape(len(pictures), -1) for pictures, _ in parts])
    assert len(np.unique(whole, axis=0)) == len(whole)


def test_training_shows_each_digit_once_in_a_pass_and_never_twice_the_same() -> None:
    batches = noisy_digits.training(seed=0)
    assert len(batches) == noisy_digits.STEPS
    first, second = (np.concatenate([part.labels for part in batches[start : start + 6]]) for start in (0, 6))
    assert np.array_equal(np.bincount(first), np.bincount(second))
    assert not np.array_equal(first, second)
    shown = np.concatenate([part.patches for part in batches], axis=2)
    assert len(np.unique(shown[5, 5])) > 0.99 * shown.shape[2]


def test_pictures_follow_from_the_seed() -> None:
    again, other = noisy_digits.training(seed=0), noisy_digits.training(seed=1)
    for one, same, different in zip(noisy_digits.training(seed=0), again, other, strict=True):
        assert np.array_equal(one.patches, same.patches)
        assert not np.array_equal(one.patches, different.patches)


def test_patches_are_what_a_convolution_reads() -> None:
    pictures = np.random.default_rng(0).standard_normal((5, 8, 8)).astype(np.float32)
    expected = torch.nn.functional.unfold(torch.from_numpy(pictures)[:, None], 4, padding=1, stride=2)
    assert np.array_equal(noisy_digits.patches(pictures), expected.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("cell", random.Random(1).sample(distinct_cells(), 12))
def test_costs_are_those_that_torch_counts(cell: tuple[int, ...]) -> None:
    network = plain_network(cell)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(2, 1, 8, 8))
    counted = counter.get_total_flops() // 2 // 2  # two pictures, and two operations a multiply-accumulate
    assert cost(cell).macs == counted
    assert cost(cell).params == sum(parameter.numel() for parameter in network.parameters())


def test_the_embedded_table_is_of_this_space_and_setting() -> None:
    path = embedded(NAME)
    assert path.stat().st_size < 1_000_000
    table, held_out = Table.open(path), HeldOut.open(path)
    assert table.info.slots == SPACE.slots
    assert table.info.origin.revision == SETTING
    assert table.runs is not None
    costs = table.column("flops"), table.column("params")
    assert costs[0] is not None
    assert costs[1] is not None
    assert np.allclose(table.accuracy, table.runs.mean(axis=1))
    assert np.corrcoef(table.accuracy, held_out.test)[0, 1] > 0.99
    for index in random.Random(2).sample(range(SPACE.size), 50):
        cell = SPACE.architecture_at(index)
        same = SPACE.index_of(distinct_cells()[cell_numbers()[index]])
        assert np.array_equal(table.runs[index], table.runs[same])
        assert (costs[0][index], costs[1][index]) == (cost(cell).macs, cost(cell).params)


def test_the_page_shows_what_its_commands_print(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)
    page = (root / "docs" / "private-table.md").read_text(encoding="utf-8")
    shown = re.findall(r"```sh\npython -m tables ((?:quality|info) [^\n]*)\n```\n\n```text\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 2
    for command, text in shown:
        assert main(shlex.split(command)) == 0
        assert capsys.readouterr().out == text
