"""Supernets: gradients are autograd's, cells the benchmark's networks; a job has one result, also after a SIGKILL."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cache.cassette import Cassette
from cache.client import Client
from cache.key import DIGEST_PREFIX
from cache.record import Record
from harness.errors import HarnessError, InvalidJob, NotThisJob, TrainingError
from harness.spaces.nas_bench_201 import OPERATIONS, SPACE
from harness.training.jobs import SUPERNET, Epoch, Observed, Scale, Search, Searched, SupernetJob, SupernetOutcome, read
from harness.training.local import LocalExecutor
from harness.training.queue import WORKER, Provider, Queue
from harness.training.recipes import Recipe, Split
from tables.space import Architecture

torch = pytest.importorskip("torch", reason="training needs torch: install the extra `train`")
pytest.importorskip("sklearn", reason="the digits need scikit-learn: install the extra `train`")

from torch import Tensor, nn  # noqa: E402 - needs torch

from harness.training import data as datasets  # noqa: E402
from harness.training import networks, supernet  # noqa: E402
from harness.training.__main__ import main  # noqa: E402
from harness.training.checkpoint import Checkpoint  # noqa: E402
from harness.training.networks.nas_bench_201 import Cell  # noqa: E402
from harness.training.pictures import Part  # noqa: E402
from harness.training.supernet import MixedEdge, Supernet, straight_through, train, unrolled_gradient  # noqa: E402
from harness.training.train import evaluate  # noqa: E402

CPU = torch.device("cpu")
ZEROS = DIGEST_PREFIX + "0" * 64
RECIPE = Recipe(Split(0.03, 0.03, 0.03), input_size=8, epochs=3, batch_size=32, learning_rate=0.025, weight_decay=5e-4)
DARTS, SECOND = Search("darts-first-order"), Search("darts-second-order")
GDAS = Search("gdas", tau=(10.0, 0.1))
JOB = SupernetJob("digits", ZEROS, RECIPE, network=Scale(0.25, 1, light_reduction=True), search=DARTS)
SEARCHED = Searched(
    JOB,
    SupernetOutcome(SPACE.to_native((1,) * 6), (((0.5,) * 5,) * 6,), (Epoch(1.0, 50.0, 2.0),)),
    Observed(
        finished="2030-01-01T00:00:00+00:00",
        seconds=1.5,
        device="cpu",
        peak_memory_bytes=1,
        resumed_at=(2,),
        settings={"threads": 1},
        versions={"torch": "2"},
    ),
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # as in the subprocesses: another number of threads adds in another order


@pytest.fixture(scope="module")
def job() -> SupernetJob:
    return replace(JOB, digest=datasets.find("digits").digest)


# -- jobs ---


@pytest.mark.parametrize("search", [DARTS, SECOND, GDAS])
def test_a_job_is_the_same_after_its_file(search: Search, tmp_path: Path) -> None:
    job = replace(JOB, search=search)
    (tmp_path / "spec.json").write_text(job.to_json())
    assert SupernetJob.from_request(read(tmp_path / "spec.json")) == job
    assert SupernetJob.from_request(read(tmp_path / "spec.json")).key == job.key


def test_a_key_is_pinned() -> None:
    """A change of this key is a change of all keys: recorded searches would no longer be found."""
    assert JOB.key == "sha256:60ecb6e72c2c4ac23b837f2a0d03dd111d48c810d4125029a5ea74eebea72c07"


def test_a_result_is_the_same_after_its_record() -> None:
    line = SEARCHED.to_record().to_line()
    assert Searched.from_record(Record.from_line(line, JOB.key)) == SEARCHED


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(NotThisJob, match="kind supernet, got training"):
        Searched.from_record(dataclasses.replace(SEARCHED.to_record(), kind="training"))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: replace(DARTS, learning_rate=0), "learning rate above 0"),
        (lambda: replace(DARTS, betas=(0.5, 1.0)), "two betas"),
        (lambda: replace(DARTS, tau=(10.0, 0.1)), "tau is for gdas"),
        (lambda: replace(GDAS, tau=None), "tau is for gdas"),
        (lambda: replace(GDAS, tau=(10.0, 0.0)), "both above 0"),
        (lambda: replace(JOB, recipe=replace(RECIPE, split=Split(0.5, 0.25, 0.1))), "two equal parts"),
        (lambda: replace(JOB, recipe=replace(RECIPE, mixed_precision=True)), "float32"),
        (lambda: replace(JOB, digest="sha256:"), "digest of its data set"),
        (lambda: SupernetJob.from_request({**JOB.request(), "space": "nas-bench-macro"}), "nas-bench-macro"),
        (
            lambda: SupernetJob.from_request({**JOB.request(), "search": {"method": "enas"}}),
            "value 'enas' - at `\\$.search.method`",
        ),
        (lambda: SupernetJob.from_request({**JOB.request(), "tau": 1}), "unknown field `tau`"),
    ],
)
def test_what_contradicts_itself_is_refused(made: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidJob, match=said):
        made()


def test_results_are_read_without_torch() -> None:
    code = "import sys, harness.training.jobs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- the methods ---


def double(*shape: int, seed: int) -> Tensor:
    drawn: Tensor = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return drawn


@pytest.mark.parametrize("seed", range(3))
def test_the_unrolled_gradient_is_that_of_autograd(seed: int) -> None:
    """Two layers with a mixture of three activations between, 20 pictures; the second term is what is approximated."""
    logits = double(3, seed=seed).requires_grad_()
    weights = [double(4, 6, seed=seed + 1).requires_grad_(), double(6, 2, seed=seed + 2).requires_grad_()]
    halves = [(double(20, 4, seed=10 + half), double(20, 2, seed=20 + half)) for half in (0, 1)]
    xi = 0.2

    def loss(half: int, at: list[Tensor]) -> Tensor:
        x, y = halves[half]
        hidden = x @ at[0]
        tanh, sine, plus = torch.softmax(logits, 0)
        mixed = tanh * torch.tanh(hidden) + sine * torch.sin(hidden) + plus * nn.functional.softplus(hidden)
        squared: Tensor = ((mixed @ at[1] - y) ** 2).mean()
        return squared

    steps = torch.autograd.grad(loss(0, weights), weights, create_graph=True)
    after = [weight - xi * step for weight, step in zip(weights, steps, strict=True)]
    (exact,) = torch.autograd.grad(loss(1, after), logits)
    (direct,) = torch.autograd.grad(loss(1, [each.detach() for each in after]), logits)
    before = [weight.detach().clone() for weight in weights]
    found = unrolled_gradient(lambda: loss(0, weights), lambda: loss(1, weights), logits, weights, xi)
    assert (exact - direct).norm() > 0.05 * exact.norm()
    assert (found - exact).norm() < 1e-3 * (exact - direct).norm()
    assert all(torch.equal(one, other) for one, other in zip(before, weights, strict=True))


def test_a_sample_is_one_operation_with_the_gradient_of_the_softmax() -> None:
    logits, noise = double(6, 5, seed=1).requires_grad_(), double(6, 5, seed=2)
    sampled = straight_through(logits, noise, tau=0.5)
    chosen = (logits + noise).argmax(1)
    assert torch.equal(sampled.detach() != 0, nn.functional.one_hot(chosen, 5).bool())
    torch.testing.assert_close(sampled.detach().sum(1), torch.ones(6, dtype=torch.float64))
    slopes = double(6, 5, seed=3)
    (found,) = torch.autograd.grad((slopes * sampled).sum(), logits)
    (expected,) = torch.autograd.grad((slopes * torch.softmax((logits + noise) / 0.5, 1)).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_samples_follow_the_softmax() -> None:
    logits, draws = double(5, seed=4), 20_000
    generator = torch.Generator().manual_seed(5)
    noise = -torch.empty(draws, 5, dtype=torch.float64).exponential_(generator=generator).log()
    counts = straight_through(logits.expand(draws, 5), noise, tau=1.0).round().mean(0)
    assert (counts - torch.softmax(logits, 0)).abs().max() < 4 * (0.25 / draws) ** 0.5


@given(st.tuples(*(st.integers(0, 4),) * 6))
@settings(max_examples=10, deadline=None)
def test_with_one_operation_an_edge_a_supernet_is_the_benchmarks_network(architecture: Architecture) -> None:
    torch.manual_seed(0)
    supernet = Supernet(JOB, classes=10, channels=1)
    assert [sum(isinstance(module, MixedEdge) for module in supernet.modules()), len(supernet.cells)] == [18, 3]
    network = networks.build(SPACE.name, architecture, classes=10, channels_in=1, scale=JOB.network)
    cells = [module for module in network.modules() if isinstance(module, Cell)]
    for edges, cell in zip(supernet.cells, cells, strict=True):
        layers = [layer for node in cell.nodes for layer in node]  # type: ignore[attr-defined]
        for edge, layer, choice in zip(edges, layers, architecture, strict=True):
            layer.load_state_dict(edge.operations[choice].state_dict(), strict=False)
    for mixed, plain in zip(supernet.network.children(), network.children(), strict=True):
        if not isinstance(plain, Cell):
            plain.load_state_dict(mixed.state_dict(), strict=False)
    images = torch.randn(7, 1, 8, 8)
    weights = nn.functional.one_hot(torch.tensor(architecture), len(OPERATIONS)).float()
    torch.testing.assert_close(supernet(images, weights), network(images))


# -- searches ---


@pytest.mark.parametrize("search", [DARTS, SECOND, GDAS])
def test_a_job_has_one_outcome_also_when_it_was_interrupted(job: SupernetJob, search: Search, tmp_path: Path) -> None:
    job = replace(job, search=search)
    whole = train(job, device=CPU)
    assert train(job, device=CPU).outcome == whole.outcome
    assert train(replace(job, seed=1), device=CPU).outcome != whole.outcome
    assert len(whole.outcome.logits) == len(whole.outcome.curve) + 1 == 4
    assert len(set(whole.outcome.logits)) == 4

    def interrupt(line: str) -> None:
        if line.startswith("epoch 3"):
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(job, device=CPU, checkpoint=Checkpoint(path, job.key, every_s=0, say=interrupt))
    resumed = train(job, device=CPU, checkpoint=Checkpoint(path, job.key, every_s=0))
    assert resumed.outcome == whole.outcome
    assert resumed.observed.resumed_at == (2,)


def test_a_supernet_learns_the_digits_and_its_cell_has_the_largest_logits(job: SupernetJob) -> None:
    recipe = replace(RECIPE, epochs=4, batch_size=16, split=Split(0.15, 0.15, 0.1))
    outcome = train(replace(job, recipe=recipe, search=replace(DARTS, learning_rate=0.02)), device=CPU).outcome
    assert outcome.curve[-1].validation is not None
    assert outcome.curve[-1].validation > 40
    last = torch.tensor(outcome.logits[-1])
    assert SPACE.to_native(tuple(last.argmax(1).tolist())) == outcome.architecture
    assert last.std() > 0.05
    assert torch.tensor(outcome.logits[0]).abs().max() < 0.01


def test_a_search_that_diverges_says_so(job: SupernetJob) -> None:
    with pytest.raises(TrainingError, match="lower a learning rate"):
        train(replace(job, recipe=replace(RECIPE, learning_rate=1e30)), device=CPU)


# -- the command ---


def test_a_search_that_diverges_in_its_last_step_has_no_result(
    job: SupernetJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e4: 84.4 %, of a network of NaN; every loss before was finite."""

    def spoilt(network: nn.Module, part: Part) -> object:
        for weight in network.parameters():
            weight.data.fill_(float("nan"))
        return evaluate(network, part)

    monkeypatch.setattr(supernet, "evaluate", spoilt)
    with pytest.raises(TrainingError, match="expected finite losses and logits in epoch 1"):
        train(replace(job, recipe=replace(job.recipe, epochs=1)), torch.device("cpu"))
    with pytest.raises(InvalidJob, match="a search with shared weights expects finite losses"):
        SupernetOutcome(SPACE.to_native((1,) * 6), (), (Epoch(1.0, 84.4, None),))


def test_a_search_goes_on_after_a_kill_and_leaves_the_same_answer(job: SupernetJob, tmp_path: Path) -> None:
    spec, result = tmp_path / "spec.json", tmp_path / "result.json"
    job = replace(job, recipe=replace(RECIPE, epochs=6))
    spec.write_text(job.to_json())
    command = [
        sys.executable,
        "-m",
        "harness.training",
        str(spec),
        "--checkpoint-every",
        "0",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("epoch 3"))
        process.send_signal(signal.SIGKILL)
    assert not result.exists()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    searched = Searched.from_record(Record.from_line(result.read_bytes(), job.key))
    assert searched.observed.resumed_at
    assert searched.outcome == train(job, device=CPU).outcome
    assert not (tmp_path / "result.checkpoint").exists()


def test_a_client_has_a_search_made_once_through_the_queue(job: SupernetJob, tmp_path: Path) -> None:
    command = (*WORKER, "--device", "cpu")
    provider = Provider(Queue(tmp_path / "jobs"), lambda: LocalExecutor(devices=(), command=command))
    client = Client(Cassette(), {SUPERNET: provider})
    record = client.ask(SUPERNET, job.request())
    assert Searched.from_record(record).outcome == train(job, device=CPU).outcome
    assert client.ask(SUPERNET, job.request()) == record
    assert (client.tally.misses, client.tally.hits) == (1, 1)


def test_a_result_that_is_there_is_not_made_again(
    job: SupernetJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(job.to_json())
    line = replace(SEARCHED, job=job).to_record().to_line()
    (tmp_path / "result.json").write_bytes(line)
    assert main([str(tmp_path / "spec.json")]) == 0
    assert "there already" in capsys.readouterr().out
    assert (tmp_path / "result.json").read_bytes() == line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": ZEROS}, "--data PATH"),
        ({"code": "0"}, "version 1 of harness.training, got 0"),
        ({"dataset": "letters"}, "no data set is called"),
        ({"seed": -1}, "seed from 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(
    job: SupernetJob, change: dict[str, object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(json.dumps({**job.request(), **change}))
    assert main([str(tmp_path / "spec.json")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "result.json").exists()


def test_the_result_of_another_job_is_kept(
    job: SupernetJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(job.to_json())
    (tmp_path / "result.json").write_bytes(SEARCHED.to_record().to_line())
    assert main([str(tmp_path / "spec.json")]) == 2
    assert JOB.key in capsys.readouterr().err
    assert (tmp_path / "result.json").exists()


def test_a_file_without_a_job_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "{}"):
        (tmp_path / "spec.json").write_text(content)
        with pytest.raises(HarnessError, match="expected"):
            SupernetJob.from_request(read(tmp_path / "spec.json"))
