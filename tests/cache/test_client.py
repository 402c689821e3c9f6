from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from cache.cassette import Cassette
from cache.client import Client, Records, Reply, Request, Tally
from cache.errors import CacheError, InvalidRequest, ReplayMiss
from cache.key import JSON
from cache.record import CHAT, Record
from cache.store import Store
from tests.cache.records import chat_record, chat_request


class Endpoint:
    """A transport that answers with a number and remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, JSON]] = []

    def send(self, request: Mapping[str, JSON]) -> Reply:
        self.sent.append(request)
        message: JSON = {"role": "assistant", "content": str(len(self.sent))}
        return Reply({"choices": [{"message": message}]}, observed={"model": "test-1a"}, provenance={"api": "test"})


@pytest.fixture(params=["cassette", "store"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """Every place that keeps records, empty."""
    if request.param == "cassette":
        yield Cassette()
    else:
        with Store(tmp_path / "store") as store:
            yield store


def test_replay_returns_what_was_recorded(records: Records) -> None:
    record = chat_record("one", temperature=1)
    assert records.put(record)
    client = Client(records)
    assert client.ask(CHAT, chat_request("one", temperature=1.0, timeout=3)) == record
    assert client.tally == Tally(requests=1, hits=1, misses=0)


def test_a_miss_names_the_place_and_shows_what_differs(records: Records) -> None:
    near = chat_record("Design a network.\nBudget: 329 M", "[1]", "Too large.")
    for record in [chat_record("Something else altogether"), near, chat_record("one")]:
        records.put(record)
    client = Client(records)
    with pytest.raises(ReplayMiss) as caught:
        client.ask(
            CHAT,
            chat_request("Design a network.\nBudget: 401 M", "[1]", "Too large."),
            where="run 329M, iteration 3, turn 2",
        )
    miss = caught.value
    assert miss.nearest == near
    assert miss.where == "run 329M, iteration 3, turn 2"
    assert "-Budget: 329 M\n+Budget: 401 M" in miss.diff
    for part in ("run 329M, iteration 3, turn 2", miss.key, near.key, miss.diff, "nearest of 3", "record mode"):
        assert part in str(miss)
    assert client.tally == Tally(requests=1, hits=0, misses=1)


def test_a_miss_says_if_only_parameters_or_only_the_sample_differ(records: Records) -> None:
    records.put(chat_record("one", temperature=0))
    with pytest.raises(ReplayMiss, match=r'recorded parameters(.|\n)*\+ "temperature": 1') as caught:
        Client(records).ask(CHAT, chat_request("one", temperature=1))
    assert "messages" not in caught.value.diff
    with pytest.raises(ReplayMiss, match="only the sample differs: recorded 0, asked 4"):
        Client(records).ask(CHAT, chat_request("one", temperature=0), sample=4)


def test_a_miss_with_nothing_recorded_says_so(records: Records) -> None:
    with pytest.raises(ReplayMiss, match="Nothing is recorded here at all") as caught:
        Client(records).ask(CHAT, chat_request("one"))
    assert caught.value.nearest is None


def test_recording_sends_once_and_keeps_the_answer(records: Records) -> None:
    endpoint = Endpoint()
    client = Client(records, {CHAT: endpoint.send})
    request = chat_request("one", timeout=3)
    first = client.ask(CHAT, request)
    assert client.ask(CHAT, request) == first == Client(records).ask(CHAT, request)
    assert endpoint.sent == [request]
    assert (first.text, first.observed, first.provenance) == ("1", {"model": "test-1a"}, {"api": "test"})
    assert client.ask(CHAT, request, sample=1).text == "2"
    assert client.tally == Tally(requests=3, hits=1, misses=2)


def test_who_records_second_gets_the_first_answer(records: Records) -> None:
    class Slow(Endpoint):
        def send(self, request: Mapping[str, JSON]) -> Reply:
            records.put(chat_record("one", answer="somebody else was faster"))
            return super().send(request)

    assert Client(records, {CHAT: Slow().send}).ask(CHAT, chat_request("one")).text == "somebody else was faster"


def test_live_neither_looks_up_nor_stores(records: Records) -> None:
    records.put(chat_record("one", answer="old"))
    client = Client(None, {CHAT: Endpoint().send})
    assert [client.ask(CHAT, chat_request("one")).text for _ in range(2)] == ["1", "2"]
    assert len(records) == 1
    assert client.tally == Tally(requests=2, hits=0, misses=2)


def test_a_client_needs_records_or_a_provider() -> None:
    with pytest.raises(CacheError, match="Expected records to replay from, or a provider to ask, got neither"):
        Client()


class Workers:
    """A queue that makes everything at once, and refuses a request that holds `fail`."""

    def __init__(self) -> None:
        self.asked: list[list[Request]] = []

    def make(self, requests: Sequence[Request], keep: Callable[[Request, Reply], object]) -> None:
        self.asked.append([*requests])
        for request in requests:
            if "fail" in request:
                raise CacheError("given up")
            keep(request, Reply({"result": request["job"]}))


def test_a_queue_is_given_all_that_is_missing_at_once(records: Records) -> None:
    workers = Workers()
    client = Client(records, {"training": workers})
    jobs: list[Request] = [{"job": number} for number in range(4)]
    assert client.ask("training", jobs[1]).answer == {"result": 1}
    assert [record.answer["result"] for record in client.ask_all("training", jobs)] == [0, 1, 2, 3]
    assert workers.asked == [[jobs[1]], [jobs[0], jobs[2], jobs[3]]]
    assert client.tally == Tally(requests=5, hits=1, misses=4)
    assert [record.answer["result"] for record in Client(records).ask_all("training", jobs)] == [0, 1, 2, 3]
    with pytest.raises(ReplayMiss):
        Client(records).ask_all("training", [{"job": 9}])


def test_what_a_queue_made_before_it_failed_is_kept(records: Records) -> None:
    client = Client(records, {"training": Workers()})
    with pytest.raises(CacheError, match="given up"):
        client.ask_all("training", [{"job": 1}, {"fail": True}])
    assert client.find("training", {"job": 1}) is not None
    assert client.find("training", {"fail": True}) is None


def test_kinds_are_apart(records: Records) -> None:
    client = Client(records, {"figures": lambda _: Reply({"test": 1})})
    assert client.ask("figures", {"architecture": "0"}).kind == "figures"
    with pytest.raises(ReplayMiss):
        client.ask("training", {"architecture": "0"})


def test_what_is_not_json_is_never_sent(records: Records) -> None:
    endpoint = Endpoint()
    with pytest.raises(InvalidRequest):
        Client(None, {CHAT: endpoint.send}).ask(CHAT, {"x": float("nan")})
    assert endpoint.sent == []


def test_the_nearest_and_the_first_stay_whatever_keeps_the_records(records: Records) -> None:
    record: Record = chat_record("a b c d")
    assert records.nearest(record.question) is None
    assert records.put(record)
    assert not records.put(chat_record("a b c d", answer="another"))
    assert records.get(record.key) == records.nearest(chat_record("a b c e").question) == record
    assert records.get("sha256:0") is None
    assert len(records) == 1


def test_what_costs_less_to_make_than_to_keep_is_made_again_and_what_is_known_is_not() -> None:
    made, known = [], Cassette([Record({"n": 1}, {"is": 1}, kind="figures")])

    def make(request: Request) -> Reply:
        made.append(request["n"])
        return Reply({"is": 2})

    client = Client(known, {"figures": make}, unkept={"figures"})
    assert [client.ask("figures", {"n": n}).answer["is"] for n in (1, 2, 2)] == [1, 2, 2]
    assert (made, len(known), client.tally.misses) == ([2, 2], 1, 2)
