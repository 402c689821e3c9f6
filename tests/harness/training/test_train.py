"""Training: equal jobs have equal results, also after a SIGKILL; every space trains; what does not fit is refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from cache.record import Record
from harness import spaces
from harness.errors import HarnessError, InvalidJob, MalformedData, NotThisJob, TrainingError, Unwell
from harness.training import data as datasets
from harness.training import recipes
from harness.training.jobs import Epoch, Job, Outcome, Scale, Trained, Training, code_digest
from harness.training.recipes import Split
from harness.training.worker import UNWELL
from tests.harness.training.data.test_image_folder import fill

torch = pytest.importorskip("torch", reason="training needs torch: install the extra `train`")

from torch import nn  # noqa: E402 - the same

from harness.training import __main__ as command  # noqa: E402 - needs torch
from harness.training import train as training  # noqa: E402 - needs torch
from harness.training.checkpoint import Checkpoint  # noqa: E402
from harness.training.pictures import Batch, Part, prepare  # noqa: E402
from harness.training.train import build, evaluate, fit, train  # noqa: E402

CPU = torch.device("cpu")
DIGITS = datasets.find("digits")
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
TINY = Scale(width=0.25, cells_per_stage=1, light_reduction=True)
RECIPE = replace(recipes.DIGITS, epochs=3)
JOB = Job("nas-bench-201", "digits", DIGITS.digest, RECIPE, 0, TINY, architecture=CELL)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # as in the subprocesses: another number of threads adds in another order


def trained(job: Job) -> Outcome:
    return train(job, device=CPU).outcome


# -- fit ---


@pytest.mark.parametrize("name", spaces.NAMES)
def test_every_space_trains_on_digits(name: str) -> None:
    space = spaces.find(name).SPACE
    architecture = tuple(1 - n % 2 for n in range(len(space.slots)))
    scale = TINY if name == "nas-bench-201" else Scale(width=0.125)
    recipe = replace(RECIPE, epochs=1, split=Split(0.2, 0.1, 0.1))
    job = Job(name, "digits", DIGITS.digest, recipe, 0, scale, architecture=space.to_native(architecture))
    outcome = trained(job)
    assert len(outcome.curve) == 1
    assert outcome.is_measured
    assert outcome.test is not None
    assert 0 <= outcome.test <= 100


def test_a_network_learns_the_digits() -> None:
    outcome = trained(replace(JOB, network=replace(TINY, width=0.5), recipe=recipes.DIGITS))
    assert outcome.validation is not None
    assert outcome.test is not None
    assert outcome.validation > 90
    assert outcome.test > 90
    assert outcome.curve[-1].validation == outcome.validation
    assert len(outcome.curve) == recipes.DIGITS.epochs


def test_equal_jobs_have_equal_results_and_seeds_differ() -> None:
    assert trained(JOB) == trained(JOB)
    assert trained(JOB) != trained(replace(JOB, seed=1))


class Double:
    """A part in double precision, where rounding does not decide whether a ReLU is open."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        return ((images.double(), labels) for images, labels in self.part.shuffled(seed, epoch))

    def ordered(self) -> Iterator[Batch]:
        return ((images.double(), labels) for images, labels in self.part.ordered())


def test_steps_are_those_of_plain_sgd() -> None:
    """Against torch's own loop: the same order of pictures, the same learning rates, the same weights."""
    recipe = replace(RECIPE, epochs=2, weight_decay=0.01)
    data = prepare(DIGITS, recipe, CPU)
    data = data._replace(train=Double(data.train), validation=Double(data.validation), test=Double(data.test))
    mine, plain = (build(JOB, data, CPU).double() for _ in range(2))
    fit(mine, data, recipe, 5, Checkpoint(None, "of no job"))
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    steps = recipe.epochs * (len(data.train) // recipe.batch_size + 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(recipe.epochs):
        for images, labels in data.train.shuffled(5, epoch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(plain(images), labels).backward()
            optimizer.step()
            schedule.step()
    for one, other in zip(mine.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_without_validation_pictures_there_is_no_validation() -> None:
    outcome = trained(replace(JOB, recipe=replace(RECIPE, epochs=1, split=Split(0.1, 0.0, 0.1))))
    assert (outcome.validation, outcome.curve[0].validation) == (None, None)


def test_a_training_that_diverges_is_not_measured() -> None:
    """Case e4: it ends at once, and what a network of NaN scores is no accuracy."""
    result = train(replace(JOB, recipe=replace(RECIPE, learning_rate=1e30)), device=CPU)
    assert result.outcome == Outcome((Epoch(None, None, None),), None, None, None, None)
    assert not result.outcome.is_measured
    assert result.observed.log[-1] == "a loss is not finite: nothing is measured"
    assert Trained.from_record(Record.from_line(result.to_record().to_line())) == result


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["the last step", "validation", "test"])
def test_weights_that_become_worthless_at_the_end_are_not_measured(
    bad: float, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e4: every training loss was finite."""
    true, calls = evaluate, list[object]()

    def spoilt(network: nn.Module, part: Part) -> object:
        calls.append(part)
        if where == "the last step" or len(calls) == {"validation": 3, "test": 4}[where]:
            for weight in network.parameters():
                weight.data.fill_(bad)
        return true(network, part)

    monkeypatch.setattr(training, "evaluate", spoilt)
    outcome = trained(JOB)
    assert not outcome.is_measured
    assert (outcome.validation, outcome.validation_loss, outcome.test, outcome.test_loss) == (None,) * 4


def test_the_number_of_threads_changes_nothing() -> None:
    """Case e16: it is fixed, and so other processes at the same time change no winner."""
    torch.set_num_threads(2)
    result = train(JOB, device=CPU)
    assert result.observed.settings["threads"] == 1
    assert torch.get_num_threads() == 1
    assert result.outcome == trained(JOB)


def test_accuracy_is_in_percent() -> None:
    data = prepare(DIGITS, RECIPE, CPU)

    class Zeros(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def forward(self, images: object) -> object:
            return torch.zeros(len(images), 10)  # type: ignore[arg-type]

    percent, loss = evaluate(Zeros(), data.test)
    zeros = sum(int((labels == 0).sum()) for _, labels in data.test.ordered())
    assert percent == 100 * zeros / len(data.test)
    assert loss == pytest.approx(np.log(10))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_of_pictures_trains_as_imagenet_does(tmp_path: Path, workers: int) -> None:
    root = fill(tmp_path, train=12, val=3, classes=("n01", "n02", "n03"))
    recipe = replace(recipes.GENIUS_IMAGENET, epochs=2, batch_size=8, input_size=32, split=Split(0.75, 0.25))
    space = spaces.find("mobilenetv2-se").SPACE
    how = Training(space.name, "imagenet", datasets.find("imagenet", root).digest, recipe, network=Scale(width=0.25))
    job = how.job((0,) * 30)
    outcome = train(job, path=root, device=CPU, workers=workers).outcome
    assert outcome == train(job, path=root, device=CPU).outcome  # the number of workers changes nothing


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content", [b"no picture", None])
def test_a_picture_that_cannot_be_read_is_found_before_the_first_epoch(
    part: str, workers: int, content: bytes | None, tmp_path: Path
) -> None:
    """Case e3: in the test part it was found after the last."""
    root = fill(tmp_path, train=12, val=3)
    path = root / part / "n02" / "1.JPEG"
    path.write_bytes(content or path.read_bytes()[:-20])
    recipe = replace(recipes.GENIUS_IMAGENET, epochs=1, batch_size=8, input_size=32, split=Split(0.75, 0.25))
    digest = datasets.find("imagenet", root).digest
    job = Training("mobilenetv2-se", "imagenet", digest, recipe, network=Scale(width=0.125)).job((0,) * 30)
    log: list[str] = []
    with pytest.raises(MalformedData, match=r"n02/1.JPEG: expected a whole picture, got .*; mend or remove it$"):
        train(job, path=root, device=CPU, workers=workers, checkpoint=Checkpoint(None, job.key, say=log.append))
    assert log == []


def test_what_the_folder_leaves_out_is_in_the_log(tmp_path: Path) -> None:
    """Case e9."""
    root = fill(tmp_path, train=12, val=3)
    (root / "train" / "n01" / "new.webp").touch()
    recipe = replace(recipes.GENIUS_IMAGENET, epochs=1, batch_size=8, input_size=32, split=Split(0.75, 0.25))
    digest = datasets.find("imagenet", root).digest
    job = Training("mobilenetv2-se", "imagenet", digest, recipe, network=Scale(width=0.125)).job((0,) * 30)
    assert train(job, path=root, device=CPU).observed.log[0] == "left out: 1 files that end in .webp"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are "
            "out of shared memory."
        ),
        OSError("Caught OSError in worker 0.\nOriginal Traceback (most recent call last):\nNo space left on device"),
    ],
    ids=["bus error", "no space"],
)
def test_a_small_shared_memory_is_said_with_the_way_out(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case e20."""

    class Dying:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __iter__(self) -> Iterator[Batch]:
            raise error

    monkeypatch.setattr("harness.training.pictures.DataLoader", Dying)
    root = fill(tmp_path, train=12, val=3)
    recipe = replace(recipes.GENIUS_IMAGENET, epochs=1, batch_size=8, input_size=32, split=Split(0.75, 0.25))
    data = prepare(datasets.find("imagenet", root), recipe, CPU, workers=2)
    with pytest.raises(Unwell, match=r"expected 2 processes to read pictures, got: .*--workers 0") as caught:
        next(data.test.ordered())
    assert "Traceback" not in str(caught.value)


def test_a_batch_of_one_picture_is_refused() -> None:
    """Case e7: at its end, BatchNorm's own words."""
    recipe = replace(RECIPE, batch_size=2, split=Split(0.0045, 0.25, 0.25))  # 8 of 1,797; one more is odd
    assert len(prepare(DIGITS, recipe, CPU).train) == 8
    with pytest.raises(
        InvalidJob, match="expected batches of two pictures or more, but 9 pictures in batches of at most 2"
    ):
        prepare(DIGITS, replace(recipe, split=Split(0.005, 0.25, 0.25)), CPU)


# -- checkpoints ---


class Killed(Exception):
    pass


def interrupted(job: Job, path: Path, after: int) -> None:
    """Train until `after` epochs are in the checkpoint."""

    def say(line: str) -> None:
        if line.startswith(f"epoch {after + 1} "):
            raise Killed

    with pytest.raises(Killed):
        train(job, device=CPU, checkpoint=Checkpoint(path, job.key, every_s=0, say=say))


def test_a_training_that_is_taken_up_again_has_the_same_result(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    recipe = replace(RECIPE, epochs=4)
    job = replace(JOB, recipe=recipe)
    interrupted(job, path, 1)
    interrupted(job, path, 2)
    result = train(job, device=CPU, checkpoint=Checkpoint(path, job.key))
    assert result.outcome == trained(job)
    assert result.observed.resumed_at == (1, 2)


def test_a_checkpoint_is_written_no_more_often_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    train(JOB, device=CPU, checkpoint=Checkpoint(path, JOB.key, every_s=3600))
    assert not path.exists()


def test_a_checkpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    interrupted(JOB, path, 1)
    with pytest.raises(NotThisJob, match="expected a checkpoint of sha256:other, got sha256"):
        train(JOB, device=CPU, checkpoint=Checkpoint(path, "sha256:other"))
    content = path.read_bytes()
    data, at = prepare(DIGITS, RECIPE, CPU), random.Random(0)
    network = build(JOB, data, CPU)
    optimizer = training.sgd(network.parameters(), RECIPE)
    for cut in (0, 100, len(content) - 30):
        path.write_bytes(content[:cut])
        with pytest.raises(NotThisJob, match="delete it, to train from the beginning"):
            Checkpoint(path, JOB.key).load(network, optimizer)
    for _ in range(200):  # case e19: of 1,500 changes 16 were taken up
        place = at.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << at.randrange(8)]) + content[place + 1 :])
        with pytest.raises(NotThisJob, match="delete it, to train from the beginning"):
            Checkpoint(path, JOB.key).load(network, optimizer)


def test_a_checkpoint_that_cannot_be_written_is_said_and_training_goes_on(tmp_path: Path) -> None:
    """Case e6: a disk that is full for a moment costs a checkpoint, not a training."""
    path = tmp_path / "gone" / "checkpoint"
    result = train(JOB, device=CPU, checkpoint=Checkpoint(path, JOB.key, every_s=0))
    said = [line for line in result.observed.log if "expected to write a checkpoint, got: No such file" in line]
    assert len(said) == RECIPE.epochs - 1
    assert result.outcome == trained(JOB)


def test_each_stretch_of_a_training_says_what_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case e16: taken up under another torch, and after the code was edited."""
    path = tmp_path / "checkpoint"
    monkeypatch.setattr(training, "code_digest", lambda: "sha256:before")
    interrupted(JOB, path, 1)
    monkeypatch.undo()
    result = train(JOB, device=CPU, checkpoint=Checkpoint(path, JOB.key))
    first, last = result.observed.stretches
    assert (first.code, last.code, result.observed.code) == ("sha256:before", code_digest(), code_digest())
    assert first.versions["torch"] == torch.__version__
    (said,) = [line for line in result.observed.log if "were trained with something else" in line]
    assert said == "the first 1 epochs were trained with something else: code sha256:before"
    assert Trained.from_record(Record.from_line(result.to_record().to_line())) == result


# -- the command ---


def result_in(path: Path, job: Job) -> Record:
    return Record.from_line(path.read_bytes(), expected_key=job.key)


def test_a_job_that_is_killed_and_asked_for_twice_is_trained_once(tmp_path: Path) -> None:
    job = replace(JOB, recipe=replace(RECIPE, epochs=30, split=Split(0.2, 0.1, 0.1)))
    spec, result = tmp_path / "spec.json", tmp_path / "result.json"
    spec.write_text(job.to_json())

    def start() -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "harness.training",
            str(spec),
            "--device",
            "cpu",
            "--checkpoint-every",
            "0",
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    with start() as killed:
        assert killed.stdout is not None
        assert any(line.startswith("epoch 4 ") for line in killed.stdout)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not result.exists()

    workers = [start() for _ in range(2)]
    said = sorted((worker.communicate()[0] for worker in workers), key=len)
    assert [worker.returncode for worker in workers] == [0, 0]
    assert said[0] == f"{result}: the result is there already\n"
    assert "epoch 1 of" not in said[1]
    resumed = Trained.from_record(result_in(result, job))
    assert resumed.outcome == trained(job)
    assert resumed.observed.resumed_at[0] >= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "result.lock", "spec.json"]


@pytest.mark.parametrize("level", ["1", "2"])
def test_no_assert_does_work(level: str, tmp_path: Path) -> None:
    """Case e18."""
    (tmp_path / "spec.json").write_text(replace(JOB, recipe=replace(RECIPE, epochs=1)).to_json())
    environment = {**os.environ, "PYTHONOPTIMIZE": level}
    command = [sys.executable, "-m", "harness.training", str(tmp_path / "spec.json"), "--device", "cpu"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "result.json").exists()
    for module in ("harness.training", "harness.digits"):
        subprocess.run([sys.executable, "-m", module, "--help"], env=environment, check=True, stdout=subprocess.DEVNULL)


def test_help_needs_no_torch() -> None:
    hidden = "import sys; sys.modules['torch'] = None; import runpy; sys.argv = ['x', '--help']; "
    script = hidden + "runpy.run_module('harness.training', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage:")


def test_without_torch_a_job_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(JOB.to_json())
    hidden = (
        f"import sys; sys.modules['torch'] = None; import runpy; sys.argv = ['x', {str(tmp_path / 'spec.json')!r}]; "
    )
    script = hidden + "runpy.run_module('harness.training', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("training needs torch, got: ")
    assert "pip install torch" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_torch_that_cannot_be_loaded_now_is_the_machines_fault(tmp_path: Path) -> None:
    """Case e6: with too little memory its libraries are not mapped."""
    (tmp_path / "spec.json").write_text(JOB.to_json())
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch_cpu.so: failed to map segment')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "harness.training", str(tmp_path / "spec.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == UNWELL
    assert "failed to map segment; free memory" in done.stderr


def test_a_result_says_how_it_came_about(tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(JOB.to_json())
    assert command.main([str(spec), "--device", "cpu"]) == 0
    observed = Trained.from_record(result_in(tmp_path / "result.json", JOB)).observed
    assert observed.versions["torch"] == torch.__version__
    assert observed.settings["threads"] == 1
    assert observed.settings["deterministic"] is True
    assert observed.peak_memory_bytes > 10**7
    assert observed.log[0].startswith("898 pictures train, 450 validate, 449 test")
    assert observed.log[-1].startswith("test ")


def test_a_result_that_is_there_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(JOB.to_json())
    assert command.main([str(spec)]) == 0
    monkeypatch.setattr(training, "train", None)
    before = (tmp_path / "result.json").stat()
    assert command.main([str(spec)]) == 0
    assert (tmp_path / "result.json").stat() == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"digest": "sha256:" + "0" * 64}, TrainingError, f"expects data with digest sha256:0+, got {DIGITS.digest}"),
        ({"dataset": "mnist"}, HarnessError, "no data set is called 'mnist'"),
        ({"dataset": "cifar10"}, HarnessError, "name it with --data PATH"),
        ({"code": "0"}, InvalidJob, "got 0: check that one out"),
        ({"recipe": replace(RECIPE, split=Split(0.5, 0.5))}, InvalidJob, "give the split a fraction for test"),
        ({"recipe": replace(RECIPE, input_size=10**6)}, TrainingError, "take a device with more memory"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], error: type[HarnessError], message: str) -> None:
    with pytest.raises(error, match=message):
        train(replace(JOB, **change), device=CPU)


def test_a_gpu_without_memory_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    monkeypatch.setattr(training, "fit", exhausted)
    with pytest.raises(
        TrainingError, match=r"got: CUDA out of memory. Tried to allocate 2 GiB; take a device with more"
    ):
        train(JOB, device=CPU)


def test_the_command_refuses_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.json"
    assert command.main([str(spec)]) == 2
    assert "spec.json: expected a job as JSON" in capsys.readouterr().err
    spec.write_text(replace(JOB, dataset="cifar10").to_json())
    assert command.main([str(spec)]) == 2
    assert "cifar10 needs the archive" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert command.main([str(spec), "--device", "cuda"]) == 2
        assert "expected a GPU that torch can use" in capsys.readouterr().err
    spec.write_text(JOB.to_json())
    (tmp_path / "result.json").write_text("{}")
    assert command.main([str(spec)]) == 2
    assert f"expected the result of {JOB.key}" in capsys.readouterr().err
