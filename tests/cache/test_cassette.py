from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import cassette
from cache.__main__ import main
from cache.cassette import Cassette
from cache.errors import CacheError, CorruptRecord
from cache.key import JSON, canonical, digest_bytes
from cache.record import Record
from tests.cache.records import chat_record

ROOT = Path(__file__).parents[2]
RECORDED, EVIDENCE = ROOT / "cache" / "recorded", ROOT / "tests" / "evidence" / "cassette-v1.jsonl"
RECORDS = st.lists(st.builds(chat_record, st.text("abc", max_size=3), sample=st.integers(0, 2)), max_size=6)
THREE = [chat_record("one"), chat_record("two"), chat_record("three", "yes", "four")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "three.jsonl"


@settings(deadline=None)
@given(records=RECORDS)
def test_a_cassette_gives_back_its_records_and_its_bytes(
    records: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cassette")
    digest = cassette.write(folder / "one", records)
    read = cassette.read(folder / "one")
    assert dict(read) == {record.key: record for record in records}
    assert read.digest == digest == cassette.write(folder / "two", reversed(list(read.values())))
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    assert {entry.name for entry in folder.iterdir()} == {"one", "two"}


@given(RECORDS, RECORDS, RECORDS)
def test_merging_does_not_depend_on_order_or_repetition(a: list[Record], b: list[Record], c: list[Record]) -> None:
    one, two, three = Cassette(a), Cassette(b), Cassette(c)
    merged = cassette.merge(one, two, three)
    assert dict(merged) == {record.key: record for record in [*a, *b, *c]}
    assert merged.digest == cassette.merge(three, one, two, one).digest
    assert merged.digest == cassette.merge(cassette.merge(one, two), three).digest == cassette.merge(merged).digest


def test_two_answers_to_one_request_cannot_be_merged_or_written(path: Path) -> None:
    pair = [chat_record("one", answer="a"), chat_record("one", answer="b")]
    with pytest.raises(CacheError, match=r"got two that differ.*sample=1"):
        cassette.merge(*(Cassette([record]) for record in pair))
    with pytest.raises(CacheError, match="got two that differ"):
        cassette.write(path, pair)
    assert not path.exists()


def observed(text: str, answer: str, delivery: int) -> Record:
    """A record of the same answer, delivered and timed anew."""
    body = {**chat_record(text, answer=answer).answer, "id": f"chatcmpl-{delivery}", "created": delivery}
    return Record(chat_record(text).request, body, observed={"latency_s": delivery / 10})


def test_b3_equal_answers_merge_whenever_they_were_observed() -> None:
    left, right = (Cassette(observed(text, "same", n) for text in texts) for n, texts in ((1, "ab"), (2, "bc")))
    merged = cassette.merge(left, right)
    assert len(merged) == 3
    assert merged.digest == cassette.merge(right, left).digest
    assert {one.to_line() for one in merged.values()} < {one.to_line() for one in [*left.values(), *right.values()]}
    with pytest.raises(CacheError, match="two that differ"):
        cassette.merge(left, Cassette([observed("b", "other", 3)]))


def test_b4_what_a_file_grows_by_changes_nothing_in_it(path: Path) -> None:
    cassette.grow(path, [observed("a", "same", 1)])
    before = dict(cassette.read(path))
    cassette.grow(path, [observed("a", "same", 2), observed("b", "new", 2)])
    after = cassette.read(path)
    assert {key: after[key] for key in before} == before
    assert len(after) == 2
    kept = path.read_bytes()
    with pytest.raises(CacheError, match="two that differ"):
        cassette.grow(path, [observed("c", "new", 3), observed("a", "other", 3)])
    assert path.read_bytes() == kept
    path.write_bytes(b"my notes\n")
    with pytest.raises(CacheError, match="Expected the manifest"):
        cassette.grow(path, THREE)
    assert path.read_bytes() == b"my notes\n"


def test_b4_who_grows_a_file_at_the_same_time_waits(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        [*threads.map(lambda n: cassette.grow(path, [chat_record(f"new {n}")]), range(16))]
    assert len(cassette.read(path)) == 16
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_in_memory_the_first_answer_stays() -> None:
    records = Cassette()
    assert records.put(chat_record("one", answer="a"))
    assert not records.put(chat_record("one", answer="b"))
    assert records[chat_record("one").key].text == "a"


def test_a_record_with_a_credential_is_not_written_and_an_old_file_stays(path: Path) -> None:
    cassette.write(path, THREE)
    before = path.read_bytes()
    with pytest.raises(CacheError):
        cassette.write(path, [*THREE, chat_record("hf_" + "aB3" * 12)])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def one_more(line: bytes) -> bytes:
    name = b'{"is":"a text that nobody shares","shared":"%b"}\n'
    return name % digest_bytes(canonical("a text that nobody shares"))[7:23].encode() + line


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("what", "edit"),
    [
        ("spaces", lambda line: line.replace(b',"', b', "', 1)),
        ("an escape", lambda line: line.replace(b"two", b"tw\\u006f", 1)),
        ("another order", lambda line: canonical(json.loads(line))[:-1] + b',"digest":"' + line[11:27] + b'"}\n'),
        ("a shorter digest", lambda line: re.sub(rb'^({"digest":"(?:sha256:)?[0-9a-f]{5})[0-9a-f]*', rb"\1", line)),
        ("no digest", lambda line: re.sub(rb'^({"digest":")[^"]*', rb"\1", line)),
        ("an unknown scheme", lambda line: line.replace(b'"scheme":1', b'"scheme":2')),
        (
            "another form of a number",
            lambda line: line.replace(b'"scheme":1', b'"scheme":1.0').replace(b"0.5", b"5e-1"),
        ),
        ("a line that is not needed", one_more),
        ("an empty line", lambda line: line + b"\n"),
        ("a member more", lambda line: line[:-2] + b',"x":1}\n'),
    ],
)
def test_every_byte_is_what_the_writer_of_the_version_writes(
    path: Path, version: int, what: str, edit: Callable[[bytes], bytes]
) -> None:
    """Under a manifest that fits, whatever is otherwise."""
    records = sorted(THREE, key=lambda record: record.key)
    cassette.write(path, records)
    lines = [*path.read_bytes().splitlines(keepends=True)[1:]]
    if version == 1:
        lines = [record.first_line() for record in records]
    right = b"".join(lines)
    path.write_bytes(_manifest(right, 3, version) + right)
    assert dict(cassette.read(path, exact=True)) == {record.key: record for record in records}
    for number, line in enumerate(lines):
        wrong = b"".join([*lines[:number], edit(line), *lines[number + 1 :]])
        if wrong == right:
            continue
        path.write_bytes(_manifest(wrong, 3, version) + wrong)
        with pytest.raises(CacheError):
            cassette.read(path, exact=True)
        with pytest.raises(CacheError):
            cassette.grow(path, [])
        assert main(["verify", str(path)]) == 1
        assert main(["sync", str(path.parent / "store"), str(path)]) == 2
        assert not (path.parent / "store").exists()


@pytest.mark.parametrize("path", [*RECORDED.glob("*.jsonl"), EVIDENCE], ids=lambda path: path.name)
def test_what_is_committed_is_what_the_writer_writes(path: Path) -> None:
    assert len(cassette.read(path, exact=True))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"Hello", b"", "Expected the manifest"),
        (b"three", b"thrEE", r"Line \d of .*request .* was changed"),
        (b"[1, 2]", b"[1, 3]", r"Line \d of .*was changed"),
        (b"\n", b"\r\n", r"got \\r\\n\. Mend it"),
        (b'{"cassette":2', b'{"cassette":3', "Expected the manifest of a cassette, version 1 or 2, in line 1 .*:3"),
        (b'"records":3', b'"records":4', "Expected 4 records sorted"),
        (b'{"digest":"', b'{"digets":"', r"Line \d of .*Expected a line"),
        (b',"key"', b', "key"', r"Line \d of .*Expected canonical JSON"),
        (b'"of":"', b'"of":"0', r"Line \d of .*Expected a shape"),
    ],
)
def test_an_edited_file_is_refused_with_its_line(path: Path, before: bytes, after: bytes, message: str) -> None:
    cassette.write(path, THREE)
    data = b"" if before == b"Hello" else path.read_bytes()
    path.write_bytes(data.replace(before, after, data.count(b"\n") if before == b"\n" else 1))
    with pytest.raises(CacheError, match=message):
        cassette.read(path)


def test_a_file_torn_anywhere_is_refused(path: Path) -> None:
    cassette.write(path, THREE)
    data = path.read_bytes()
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(CacheError):
            cassette.read(path)


def test_a_line_that_is_lost_exchanged_or_out_of_order_is_refused(path: Path) -> None:
    cassette.write(path, THREE)
    head, *shared, one, two, three = path.read_bytes().splitlines(keepends=True)
    before = b"".join(shared)
    path.write_bytes(head + before + one + three)
    with pytest.raises(CacheError, match=r"Expected 3 records in .*, got 2 under another"):
        cassette.read(path)
    path.write_bytes(_manifest(before + two + one) + before + two + one)
    with pytest.raises(CacheError, match="sorted by key"):
        cassette.read(path)
    path.write_bytes(_manifest(before + one + two[:-9]) + before + one + two[:-9])
    with pytest.raises(CacheError, match="Expected a line of a cassette"):
        cassette.read(path)
    path.write_bytes(_manifest(before + one + one) + before + one + one)
    with pytest.raises(CacheError, match="got 1 keys in"):
        cassette.read(path)


def test_an_edit_under_a_fitting_manifest_is_found_when_the_record_is_taken(path: Path) -> None:
    cassette.write(path, THREE)
    body = path.read_bytes().partition(b"\n")[2].replace(b"[1, 2]", b"[1, 3]", 1)
    path.write_bytes(_manifest(body, 3) + body)
    read = cassette.read(path)
    with pytest.raises(CorruptRecord, match="answer"):
        list(read.values())


# -- what is said once ---

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("$+ab\n", max_size=90),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("$alistex", max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(values=st.lists(st.tuples(VALUES, VALUES), max_size=8), shuffle=st.randoms())
def test_whatever_records_hold_comes_back_and_gives_the_same_bytes(
    values: list[tuple[JSON, JSON]], shuffle: Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("values")
    records = [Record({"x": asked}, {"y": said, "again": said}, n) for n, (asked, said) in enumerate(values)]
    digest = cassette.write(folder / "one", records)
    read = cassette.read(folder / "one")
    assert dict(read) == {record.key: record for record in records}
    shuffled = [*records]
    shuffle.shuffle(shuffled)
    assert cassette.write(folder / "two", shuffled) == digest == read.digest
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def conversation(turns: int) -> list[Record]:
    """What grows from request to request: the messages, and the statement's list of experiments."""
    said = [f"answer {n} of some length, to be said once and no more often" for n in range(turns)]
    tested = [f"Experiment {n}\nStage 1: [{n}, {n}, {n}, {n}]\nAccuracy: {n} %\n\n" for n in range(turns)]
    statements = [f"These were trained:\n\n{''.join(tested[:n])}Propose another." for n in range(turns)]
    return [*map(chat_record, statements), *(chat_record("Propose a design.", *said[:n]) for n in range(1, turns))]


def test_what_grows_is_said_once(path: Path) -> None:
    cassette.write(path, conversation(20))
    short = path.stat().st_size
    cassette.write(path, conversation(40))
    assert path.stat().st_size < 2.4 * short
    assert path.read_bytes().count(b"Experiment 3\\n") == 1
    assert dict(cassette.read(path)) == {record.key: record for record in conversation(40)}


def test_a_very_long_conversation_is_read(path: Path) -> None:
    records = [
        Record({"messages": [{"content": f"message {n} of some length"} for n in range(k)]}, {}) for k in range(900)
    ]
    cassette.write(path, records[::3])
    assert len([*cassette.read(path).values()]) == 300


def test_what_refers_to_itself_or_to_nothing_is_refused(path: Path) -> None:
    one, two, none = "1" * 16, "2" * 16, "3" * 16
    circle: list[JSON] = [{"is": f"${two}", "shared": one}, {"is": [f"$+{one}"], "shared": two}]
    for lines, name in ((circle, one), ([], none)):
        record: JSON = {"digest": "0" * 16, "is": {"request": [f"${name}"]}, "key": "0" * 64, "kind": "run"}
        body = b"".join(canonical(line) + b"\n" for line in [*lines, record])
        path.write_bytes(_manifest(body, 1) + body)
        with pytest.raises(CorruptRecord, match=r"cannot be rebuilt|Expected a line that shares"):
            list(cassette.read(path).values())


def test_no_byte_of_a_file_can_change(path: Path) -> None:
    cassette.write(path, conversation(6))
    data = path.read_bytes()
    for place in range(0, len(data), 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CacheError):
            cassette.read(path)


def test_only_records_of_a_kind_are_looked_at(path: Path) -> None:
    runs = [Record({"n": n}, {"m": n}, kind="run") for n in range(3)]
    cassette.write(path, [*THREE, *runs])
    read = cassette.read(path)
    assert [*read.of_kind("run")] == sorted(runs, key=lambda record: record.key)
    assert sum(isinstance(held, Record) for held in read._held.values()) == 3


def test_a_missing_file_and_a_missing_folder_are_named(path: Path) -> None:
    with pytest.raises(CacheError, match=r"Expected a cassette at .*three\.jsonl, got No such file"):
        cassette.read(path)
    with pytest.raises(CacheError, match="Expected to write"):
        cassette.write(path.parent / "missing" / "three.jsonl", THREE)


def _manifest(body: bytes, count: int = 2, version: int = 2) -> bytes:
    return canonical({"cassette": version, "digest": digest_bytes(body), "records": count}) + b"\n"


# -- what git makes of them ---


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=check)
    return done.stdout + done.stderr


def do_as_told(folder: Path, message: str) -> None:
    """What a person does who reads this: the commands in it, in the folder, with this project's Python."""
    for command in re.findall(r"`([^`]*&&[^`]*)`", message):
        command = command.replace("python -m", f"{sys.executable} -m")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, shell=True, cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.parametrize("name", ["three.jsonl", "three of mine.jsonl"])
@pytest.mark.parametrize("committed", ["\n", "\r\n"])
def test_b2_the_advice_for_a_checkout_with_other_line_ends_works(tmp_path: Path, name: str, committed: str) -> None:
    home, clone = tmp_path / "home", tmp_path / "clone"
    home.mkdir()
    cassette.write(home / name, THREE)
    right = (home / name).read_bytes()
    (home / name).write_bytes(right.replace(b"\n", committed.encode()))
    for arguments in (["init"], ["add", name], ["commit", "-m", "x"]):
        git(home, *arguments)
    git(tmp_path, "clone", "-c", "core.autocrlf=true", "home", "clone")
    assert b"\r\n" in (clone / name).read_bytes()
    with pytest.raises(CacheError, match=r"add the line `\*\.jsonl -text` to \.gitattributes") as told:
        cassette.read(clone / name)
    do_as_told(clone, str(told.value))
    (clone / ".gitattributes").write_text("*.jsonl -text\n")
    assert dict(cassette.read(clone / name, exact=True)) == {record.key: record for record in THREE}
    for arguments in (["add", "."], ["commit", "-m", "y"]):
        git(clone, *arguments)
    git(tmp_path, "clone", "-c", "core.autocrlf=true", "clone", "again")
    assert (tmp_path / "again" / name).read_bytes() == right


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_b3_conflict_markers_are_named_and_the_way_out_works(tmp_path: Path, style: str) -> None:
    path = tmp_path / "sub" / "mine.jsonl"
    path.parent.mkdir()
    git(tmp_path, "init")
    sides = {"main": [observed("a", "same", 1), *THREE], "other": [observed("a", "same", 2), observed("b", "new", 2)]}
    cassette.write(path, [])
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "nothing yet")
    git(tmp_path, "branch", "other")
    for branch, records in sides.items():
        git(tmp_path, "checkout", branch)
        cassette.write(path, records)
        git(tmp_path, "commit", "-am", branch)
    assert "CONFLICT" in git(tmp_path, "-c", f"merge.conflictStyle={style}", "merge", "main", check=False)
    with pytest.raises(CacheError, match=r"conflict markers stand in the lines 1, ") as told:
        cassette.read(path)
    do_as_told(path.parent, str(told.value))
    assert cassette.read(path, exact=True).digest == cassette.merge(*map(Cassette, sides.values())).digest
