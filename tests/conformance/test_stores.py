"""Every place that keeps records is one that a client can replay from: a cassette, and a store on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cache.cassette import Cassette
from cache.client import Records
from cache.key import canonical
from cache.store import Store
from tests.cache.records import chat_record, chat_request

ONE, TWO = chat_record("one"), chat_record("two")


@pytest.fixture(params=["cassette", "store"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    if request.param == "cassette":
        yield Cassette()
    else:
        with Store(tmp_path) as store:
            yield store


def test_what_is_put_is_there_and_nothing_else(records: Records) -> None:
    assert (len(records), records.get(ONE.key)) == (0, None)
    assert records.put(ONE)
    assert (len(records), records.get(ONE.key), records.get(TWO.key)) == (1, ONE, None)


def test_the_first_answer_to_a_request_stays(records: Records) -> None:
    assert records.put(chat_record("one", answer="first"))
    assert not records.put(chat_record("one", answer="second"))
    found = records.get(ONE.key)
    assert found is not None
    assert (len(records), found.text) == (1, "first")


def test_independent_answers_stay_apart(records: Records) -> None:
    samples = [chat_record("one", answer=str(number), sample=number) for number in range(3)]
    assert all(records.put(sample) for sample in samples)
    assert [records.get(sample.key) for sample in samples] == samples


def test_the_nearest_record_is_the_most_similar_request(records: Records) -> None:
    question = canonical(chat_request("an architecture of eight layers, please"))
    assert records.nearest(question) is None
    near = chat_record("an architecture of seven layers, please")
    for record in (chat_record("something that is quite unlike it"), near):
        records.put(record)
    assert records.nearest(question) == near
