from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import cassette
from cache.cassette import Cassette
from cache.errors import CacheError, CorruptRecord
from cache.key import JSON, canonical, digest_bytes
from cache.record import Record
from tests.cache.records import chat_record

RECORDS = st.lists(st.builds(chat_record, st.text("abc", max_size=3), sample=st.integers(0, 2)), max_size=6)
THREE = [chat_record("one"), chat_record("two"), chat_record("three", "yes", "four")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "three.jsonl"


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


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"Hello", b"", "Expected the manifest"),
        (b"three", b"thrEE", r"Line \d of .*request .* was changed"),
        (b"[1, 2]", b"[1, 3]", r"Line \d of .*was changed"),
        (b"\n", b"\r\n", r"got \\r\\n: mark"),
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


def _manifest(body: bytes, count: int = 2) -> bytes:
    return canonical({"cassette": 2, "digest": digest_bytes(body), "records": count}) + b"\n"
