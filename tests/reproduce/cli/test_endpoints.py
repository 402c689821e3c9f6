"""Who is asked, and how: headers, queries, keys, files of endpoints, parameters, and the interface Responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cache import cassette
from cache.key import JSON
from cache.record import RESPONSES
from genius_replay.console import Exit
from reproduce import recording, runs, search
from reproduce.__main__ import main
from reproduce.cli import model
from reproduce.errors import UsageError
from reproduce.searching.answering import Endpoint, read_endpoints
from tests.cache.server import Behaviour, Handler, Server, completion, fails, running, says

pytestmark = [pytest.mark.enable_socket, pytest.mark.network]

TABLE = "nas-bench-201-digits"
SECRET = "mine-0123456789abcdef"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("MY_KEY", SECRET)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "UNSET"):
        monkeypatch.delenv(name, raising=False)
    with running() as server:
        server.behaviours = [proposes()]
        yield server


def cell(handler: Handler) -> str:
    """The n-th cell for the n-th request, as a JSON object."""
    digits = [len(handler.server.asked) // 5**position % 5 for position in range(6)]
    return json.dumps({"architecture": digits})


def proposes(*, leaks: str = "") -> Behaviour:
    def behave(handler: Handler) -> None:
        design = cell(handler).partition(": ")[2].rstrip("}")
        says(completion(f"{leaks}Design: {design}", id=handler.path))(handler)

    return behave


def response(*texts: str, **more: JSON) -> dict[str, JSON]:
    """A body of the interface Responses, with thinking before its message."""
    parts: list[JSON] = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    items: list[JSON] = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "status": "completed", "content": parts},
    ]
    usage: JSON = {"input_tokens": 7, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}}
    return {"id": "resp_1", "object": "response", "model": "o4-mini-1", "status": "completed", "error": None,
            "incomplete_details": None, "output": items, "usage": usage, **more}  # fmt: skip


def command(server: Server, into: Path, *more: str) -> list[str]:
    fixed = ["--base-url", server.url] if "--endpoints" not in more else []
    named = ["--model", "made-up"] if "--model" not in more and "--endpoints" not in more else []
    return ["record", *named, *fixed, "--table", TABLE, "--space", "nas-bench-201", "--iterations", "3",
            "--into", str(into), *more]  # fmt: skip


# -- headers, query, key ---


def test_headers_query_and_key_are_sent_and_never_kept(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behaviours = [proposes(leaks=f"My key is {SECRET}, and v-0123456789abcdef.\n"), proposes()]
    into = tmp_path / "mine.jsonl"
    more = [
        "--header",
        "api-key=$MY_KEY",
        "X-Title=mine",
        "--query",
        "api-version=2024-10-21",
        "tag=v-0123456789abcdef",
    ]
    assert main(command(server, into, *more, "--store", str(tmp_path / "store"))) == 0
    sent = server.headers[0]
    assert (sent["api-key"], sent["x-title"]) == (SECRET, "mine")
    assert "authorization" not in sent
    [first, *_] = [one for one in cassette.read(into).values() if "/v1" in str(one.answer.get("id"))]
    assert first.answer["id"] == "/v1/chat/completions?api-version=2024-10-21&tag=[withheld: a credential stood here]"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert b"v-0123456789abcdef" not in kept
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_the_key_comes_from_the_variable_that_is_named(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path / "mine.jsonl", "--key-variable", "MY_KEY")) == 0
    assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
    assert main(command(server, tmp_path / "mine.jsonl", "--key-variable", "UNSET", "--fresh")) == 2
    assert "Expected an API key, got none. Set UNSET." in capsys.readouterr().err


def test_a_time_out_of_ones_own_also_holds_for_silence(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cache.provider.endpoint.ATTEMPTS", 1)
    server.behaviours = [lambda handler: (handler.server.over.wait(5), None)[1]]
    assert main(command(server, tmp_path / "mine.jsonl", "--timeout", "0.2")) == 2
    assert "0.2 s" in capsys.readouterr().err
    assert main(command(server, tmp_path / "mine.jsonl", "--timeout", "0")) == 2
    assert "Expected a time-out of more than 0 s, got 0." in capsys.readouterr().err


# -- temperature and parameters ---


def test_no_temperature_is_sent_where_it_is_none(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--temperature", "none", "1", "--parameter", "reasoning_effort=low")) == 0
    assert [body.get("temperature", "unset") for body in server.asked[::3]] == ["unset", 1]
    assert {body["reasoning_effort"] for body in server.asked} == {"low"}
    assert len(recording.replay_recording(into)) == 2
    printed = capsys.readouterr()
    assert "nan" not in printed.out + printed.err
    with pytest.raises(Exit):
        main(command(server, into, "--temperature", "warm"))
    assert "expected a number or none, got warm" in capsys.readouterr().err


def test_a_parameter_is_json_or_else_a_text() -> None:
    given = [
        "stop=1",
        'name="1"',
        "effort=low",
        "on=true",
        "reasoning.effort=low",
        "reasoning.summary=auto",
        "odd=NaN",
        "e=",
    ]
    assert model.parameters(given) == {
        "stop": 1, "name": "1", "effort": "low", "on": True, "reasoning": {"effort": "low", "summary": "auto"},
        "odd": "NaN", "e": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (['x={"a"'], "expected JSON in --parameter x, got"),
        (["x=[1,"], "expected JSON in --parameter x, got"),
        (["x"], "expected --parameter NAME=VALUE, each once, got another form"),
        (["x=1", "x=2"], "each once, got x"),
        (["x=1", "x.y=2"], "expected --parameter x.y in an object, got it in 1"),
    ],
)
def test_a_parameter_of_another_form_is_refused(given: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        model.parameters(given)
    assert said in str(caught.value)


def test_what_other_options_give_is_no_parameter(server: Server) -> None:
    for name in ("temperature", "seed", "messages", "model", "stream"):
        with pytest.raises(UsageError, match=f"no option of their own, got {name}"):
            search("genius", TABLE, model="made-up", base_url=server.url, parameters={name: 1})
    with pytest.raises(UsageError, match="expected no parameter response_format, which answers as json-schema give"):
        search(
            table=TABLE, model="made-up", base_url=server.url, answers="json-schema", parameters={"response_format": 1}
        )
    assert not server.asked


# -- a file of endpoints ---

FILE = """
[local]
model = "small"
base_url = "URL"
temperature = "none"
timeout_s = 5

[local.parameters]
reasoning = { effort = "low" }

[azure]
model = "gpt-4o"
base_url = "URL/deployments/mine"
headers = { api-key = "$MY_KEY" }
query = { api-version = "2024-10-21" }
"""


@pytest.fixture
def described(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "endpoints.toml"
    path.write_text(FILE.replace("URL", server.url))
    return path


def test_an_endpoint_is_asked_by_its_name_in_a_file(server: Server, described: Path, tmp_path: Path) -> None:
    server.behaviours = [proposes()]
    assert main(command(server, tmp_path / "1.jsonl", "--endpoints", str(described), "--model", "local")) == 0
    first = server.asked[0]
    assert (first["model"], first["reasoning"], "temperature" in first) == ("small", {"effort": "low"}, False)
    into = tmp_path / "2.jsonl"
    assert main(command(server, into, "--endpoints", str(described), "--model", "azure")) == 0
    assert server.asked[-1]["temperature"] == 0
    assert server.headers[-1]["api-key"] == SECRET
    assert "/v1/deployments/mine/chat/completions?api-version=2024-10-21" in into.read_text()


def test_without_a_name_all_endpoints_of_a_file_are_asked(server: Server, described: Path, tmp_path: Path) -> None:
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--endpoints", str(described), "--temperature", "1")) == 0
    asked = [(body["model"], body.get("temperature")) for body in server.asked]
    assert asked == [("small", None)] * 3 + [("gpt-4o", 1)] * 3
    assert ["api-key" in headers for headers in server.headers] == [False] * 3 + [True] * 3
    assert len(recording.replay_recording(into)) == 2


def test_an_endpoint_shows_neither_where_it_is_nor_its_headers(described: Path) -> None:
    found = read_endpoints(described)
    assert repr(found) == "{'local': <Endpoint small: chat>, 'azure': <Endpoint gpt-4o: chat>}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[a", "expected a table of every endpoint by its name"),
        ("[a]\n", "missing required field `model`"),
        ('[a]\nmodel = "m"\nkey = "k"', "unknown field `key`"),
        ('[a]\nmodel = "m"\napi = "completions"', "Invalid enum value 'completions'"),
        ('[a]\nmodel = "m"\ntimeout_s = "5"', "Expected `float | null`, got `str`"),
        ('model = "m"', "Expected `object`, got `str`"),
        ("", "got: none"),
        (None, "No such file"),
    ],
)
def test_a_file_of_another_form_is_said(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    path = tmp_path / "endpoints.toml"
    if content is not None:
        path.write_text(content)
    assert main(command(server, tmp_path / "mine.jsonl", "--endpoints", str(path))) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not server.asked


def test_a_name_that_is_not_in_the_file_is_said(
    server: Server, described: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, tmp_path / "1.jsonl", "--endpoints", str(described), "--model", "azur")) == 2
    assert "expected --model as one of local, azure, got azur" in capsys.readouterr().err
    assert main(command(server, tmp_path / "1.jsonl", "--endpoints", str(described), "--api", "chat")) == 2
    assert "expected either --endpoints FILE or options of one endpoint" in capsys.readouterr().err
    assert main(command(server, tmp_path / "1.jsonl", "--header", f"api-key:{SECRET}")) == 2
    assert SECRET not in (told := capsys.readouterr().err)
    assert "expected --header NAME=VALUE, each once, got another form" in told


# -- Responses ---


def test_the_interface_responses_is_asked_kept_and_replayed(server: Server, tmp_path: Path) -> None:
    server.behaviours = [lambda handler: says(response(cell(handler)))(handler)]
    into = tmp_path / "mine.jsonl"
    more = ["--api", "responses", "--answers", "json-schema-strict", "--temperature", "none", "--max-tokens", "100000"]
    assert main(command(server, into, *more, "--parameter", "reasoning.effort=low", "max_output_tokens=99")) == 0
    asked = server.asked[0]
    assert {"messages", "temperature", "response_format"}.isdisjoint(asked)
    assert [message["role"] for message in asked["input"]] == ["system", "user"]
    form = asked["text"]["format"]
    assert (form["type"], form["strict"], form["name"]) == ("json_schema", True, "design")
    assert form["schema"]["properties"]["architecture"]["items"] == {"type": "integer", "enum": [0, 1, 2, 3, 4]}
    kept = [one for one in cassette.read(into).values() if one.kind == RESPONSES]
    assert len(kept) == 3
    assert json.loads(str(kept[0].answer["text"]))["output"][0]["type"] == "reasoning"  # kept whole
    assert kept[0].provenance["model"] == "o4-mini-1"
    [run] = recording.replay_recording(into)
    assert (run.ended.evaluated, run.ended.tokens) == (3, 30)


def test_what_the_interface_responses_does_not_take_is_said(server: Server) -> None:
    asked = Endpoint("made-up", server.url, api="responses")
    with pytest.raises(UsageError, match="expected answers in another way than gbnf"):
        search(table=TABLE, model=asked, answers="gbnf")
    with pytest.raises(UsageError, match="an api of chat, responses, got 'made-up' and 'completions'"):
        Endpoint("made-up", api="completions")  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [completion("[1]"), {"error": {"message": "model is busy", "code": "server_error"}}])
def test_what_is_no_response_is_no_answer(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, body: JSON
) -> None:
    monkeypatch.setattr("cache.provider.endpoint.ATTEMPTS", 1)
    server.behaviours = [says(body)]
    assert main(command(server, tmp_path / "mine.jsonl", "--api", "responses")) == 2
    assert "Expected an answer, got an error in its place" in capsys.readouterr().err


def test_an_endpoint_without_responses_says_so(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behaviours = [fails(404, "no such path")]
    assert main(command(server, tmp_path / "mine.jsonl", "--api", "responses")) == 2
    assert "status 404: no such path" in capsys.readouterr().err


# -- tool calls ---


def called(handler: Handler) -> None:
    function: dict[str, Any] = {"name": "design", "arguments": cell(handler)}
    message: JSON = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    says(completion() | {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})(handler)


def test_answers_by_tool_call_are_read_and_replayed(server: Server, tmp_path: Path) -> None:
    server.behaviours = [called]
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--answers", "tool-call")) == 0
    [tool] = server.asked[0]["tools"]
    assert tool["function"]["strict"] is True
    assert server.asked[0]["tool_choice"] == {"type": "function", "function": {"name": "design"}}
    assert 'calling the function "design" once' in json.dumps(server.asked[0]["messages"]).replace('\\"', '"')
    [run] = recording.replay_recording(into)
    assert run.ended.evaluated == 3


def test_a_tool_call_of_the_interface_responses_is_read(server: Server, tmp_path: Path) -> None:
    def behave(handler: Handler) -> None:
        item: JSON = {"type": "function_call", "call_id": "c", "name": "design", "arguments": cell(handler)}
        says(response() | {"output": [item]})(handler)

    server.behaviours = [behave]
    [run] = search(table=TABLE, model=Endpoint("made-up", server.url, api="responses"), answers="tool-call", budget=2)
    assert run.ended.evaluated == 2
    [tool] = server.asked[0]["tools"]
    assert (tool["type"], tool["name"], tool["strict"]) == ("function", "design", True)
    assert server.asked[0]["tool_choice"] == {"type": "function", "name": "design"}


def test_every_way_to_answer_is_in_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "record.md").read_text("utf-8")
    assert all(f"`{way}`" in page for way in runs.ANSWERS if way != "free")


def test_a_response_that_cannot_be_read_is_kept_and_rejected(server: Server, tmp_path: Path) -> None:
    server.behaviours = [says(b'\xff{"output": []}'), lambda handler: says(response(cell(handler)))(handler)]
    into = tmp_path / "mine.jsonl"
    assert main(command(server, into, "--api", "responses", "--answers", "json-object")) == 0
    [run] = recording.replay_recording(into)
    assert (run.ended.evaluated, run.ended.rejected) == (3, {"unreadable": 1})
