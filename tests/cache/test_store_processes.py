"""The store under many processes, kill signals, full disks and read-only folders, all of them real."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cache.cassette import Cassette
from cache.errors import CacheError
from cache.store import Store
from tests.cache.records import chat_record

RECORDS = {record.key: record for record in (chat_record(f"record {number}") for number in range(1000))}
KEYS = list(RECORDS)
NOBODY = 65534


def fork(action: Callable[[], object]) -> int:
    """Run `action` in a forked process, which exits with 0 if it returns; give the process id."""
    process = os.fork()
    if process == 0:
        try:
            action()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return process


def join(*processes: int) -> None:
    """Wait for all of `processes`, which must succeed."""
    assert [os.waitpid(process, 0) for process in processes] == [(process, 0) for process in processes]


def put(folder: Path, keys: list[str]) -> None:
    with Store(folder) as store:
        for key in keys:
            store.put(RECORDS[key])


def test_two_processes_with_the_same_records_end_with_the_same_bytes(tmp_path: Path) -> None:
    keys = KEYS[:30]
    processes = [
        fork(lambda: put(tmp_path / "shared", keys)),
        fork(lambda: put(tmp_path / "shared", keys[::-1])),
        fork(lambda: put(tmp_path / "alone", keys)),
    ]
    join(*processes)
    expected = Cassette(RECORDS[key] for key in keys).digest
    for folder in ("shared", "alone"):
        with Store(tmp_path / folder, read_only=True) as store:
            assert store.export().digest == expected


def test_eight_processes_write_at_once(tmp_path: Path) -> None:
    shares = [KEYS[:10] + KEYS[number * 20 : number * 20 + 20] for number in range(8)]
    processes = [fork(partial(put, tmp_path, share)) for share in shares]
    join(*processes)
    with Store(tmp_path) as store:
        assert set(store.keys()) == {key for share in shares for key in share}
        assert store.verify() == []


def test_of_eight_different_answers_one_is_kept_and_one_process_knows(tmp_path: Path) -> None:
    read, write = os.pipe()

    def answer(number: int) -> None:
        with Store(tmp_path) as store:
            if store.put(chat_record("one", answer=str(number))):
                os.write(write, str(number).encode())

    processes = [fork(partial(answer, number)) for number in range(8)]
    join(*processes)
    os.close(write)
    with os.fdopen(read) as told, Store(tmp_path) as store:
        assert [record.text for record in store.export().values()] == [told.read()]


def test_a_store_that_was_open_goes_on_after_a_fork_and_in_threads(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(RECORDS[KEYS[0]])
        assert store.get(KEYS[0]) == RECORDS[KEYS[0]]

        def use(key: str) -> None:
            assert store.get(KEYS[0]) == RECORDS[KEYS[0]]
            store.put(RECORDS[key])
            store.close()

        join(fork(lambda: use(KEYS[1])))
        threads = [threading.Thread(target=use, args=(key,)) for key in KEYS[2:6]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(store.keys()) == set(KEYS[:6])


def test_no_acknowledged_record_is_lost_in_two_hundred_kills(tmp_path: Path) -> None:
    """Four writers at a time acknowledge each put on a pipe; each is killed after some acknowledgements, or none."""
    moments = random.Random(0)
    acknowledged: set[str] = set()
    for _ in range(50):
        writers = []
        for _ in range(4):
            read, write = os.pipe()
            order = moments.sample(KEYS, 200)
            writers.append((fork(partial(acknowledge, tmp_path, order, write)), read))
            os.close(write)
        for process, read in writers:
            with os.fdopen(read) as told:
                acknowledged.update(told.readline().strip() for _ in range(moments.randrange(4)))
                time.sleep(moments.uniform(0, 0.01))
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                acknowledged.update(told.read().split())
    acknowledged.discard("")
    assert acknowledged
    with Store(tmp_path) as store:
        assert store.verify() == []
        assert all(store.get(key) == RECORDS[key] for key in acknowledged)


def acknowledge(folder: Path, keys: list[str], pipe: int) -> None:
    with Store(folder) as store:
        for key in keys:
            store.put(RECORDS[key])
            os.write(pipe, f"{key}\n".encode())
    signal.pause()


# -- full disks ---


def fill(folder: Path) -> list[str]:
    """Put until the disk is full; return the keys that were acknowledged before."""
    stored: list[str] = []
    with Store(folder) as store:
        with pytest.raises(CacheError, match=r"Expected to write the store .*(full|I/O).*disk has room"):
            stored.extend(key for key in KEYS if store.put(RECORDS[key]))
        assert stored
        assert set(store.keys()) == set(stored)
        assert store.get(stored[-1]) == RECORDS[stored[-1]]
    return stored


def test_files_that_may_not_grow_lose_nothing_and_work_again_later(tmp_path: Path) -> None:
    def limited() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with Store(tmp_path):
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        stored = fill(tmp_path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        with Store(tmp_path) as store:
            assert store.verify() == []
            assert set(store.keys()) == set(stored)
            assert [key for key in KEYS[: len(stored) + 5] if store.put(RECORDS[key])] == KEYS[
                len(stored) : len(stored) + 5
            ]

    join(fork(limited))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs privileges; files that may not grow are tested without")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_loses_nothing(disk: Path) -> None:
    stored = fill(disk)
    with Store(disk, read_only=True) as store:
        assert store.verify() == []
        assert set(store.keys()) == set(stored)


# -- read-only folders ---


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {entry.name: (entry.read_bytes(), entry.stat().st_mtime_ns) for entry in folder.iterdir()}


def read_everything(folder: Path) -> None:
    before = content(folder)
    with Store(folder, read_only=True) as store:
        assert store.get(KEYS[0]) == RECORDS[KEYS[0]]
        assert set(store.keys()) == set(KEYS[:3])
        assert store.nearest(RECORDS[KEYS[1]].question) == RECORDS[KEYS[1]]
        assert store.verify() == []
        assert content(folder) == before
        with pytest.raises(CacheError, match="read_only"):
            store.put(RECORDS[KEYS[5]])
    with pytest.raises(CacheError, match="folder can be written"):
        Store(folder)
    assert content(folder) == before


def test_read_only_media(disk: Path) -> None:
    put(disk, KEYS[:3])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    read_everything(disk)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_somebody(action: Callable[[], object]) -> None:
    """Run `action` as a user whom file modes bind; root becomes nobody."""

    def bound() -> None:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        action()

    join(fork(bound))


def test_a_read_only_folder(public: Path) -> None:
    put(public, KEYS[:3])
    public.chmod(0o555)
    (public / "cache.db").chmod(0o444)
    as_somebody(lambda: read_everything(public))


def test_a_read_only_folder_with_a_log_that_nobody_merged_is_refused_not_half_read(public: Path) -> None:
    def die() -> None:
        store = Store(public)
        store.put(RECORDS[KEYS[0]])
        os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(fork(die), 0)
    (public / "cache.db-shm").unlink()
    public.chmod(0o555)

    def read() -> None:
        with pytest.raises(CacheError, match="Expected to read the store"):
            Store(public, read_only=True).get(KEYS[0])

    as_somebody(read)
