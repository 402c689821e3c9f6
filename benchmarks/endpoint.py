"""Time the record/replay endpoint under load, beside the same server without records and beside vcrpy.

Run `python -m benchmarks.endpoint`. Clients and server are processes of their own; each client is a thread with a
connection that stays open. Without records, the server looks the body up among the bytes of all answers: it parses,
hashes and verifies nothing. All are measured in turn, and ratios are those of one turn. vcrpy has no server: it answers
in the process that asks, from a YAML file that it reads as a whole, in an environment that is made for it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

from benchmarks.store import chat
from cache import cassette
from cache.cassette import Cassette
from cache.serving.responder import Answered
from cache.serving.server import serving
from cache.serving.transport import responding
from cache.store import Store

ROOT = Path(__file__).parents[1]
LOAD = Path(__file__).with_name("load.py")
WITHOUT = "the server without records"
FEW = 200  # requests beside vcrpy, which looks through its whole file for each


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=10_000, help="of all clients together (default 10000)")
    parser.add_argument("--records", type=int, default=1_000, help="different requests (default 1000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vcrpy", type=Path, metavar="PYTHON", help="that has vcrpy (default: installed for this run)")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve[0], Path(arguments.serve[1]))
    words = random.Random(0)
    records = [chat(words, turn) for turn in range(arguments.records)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cassette.write(folder / "records.jsonl", records)
        with Store(folder / "store") as store:
            store.load(Cassette(records))
        (folder / "asked").write_text("".join(json.dumps([dict(one.request), one.text]) + "\n" for one in records))
        print(f"{arguments.requests} requests of {arguments.clients} clients, {arguments.records} of them different")
        under_load(folder, arguments.clients, arguments.requests, arguments.rounds)
        few = (folder / "asked").read_text().splitlines(keepends=True)[:FEW]
        (folder / "asked").write_text("".join(few))
        print(f"{len(few)} requests of one client, one after the other, all of them different")
        beside_vcrpy(folder, len(few), arguments.rounds, arguments.vcrpy or installed(folder / "vcrpy"))
    return None


def under_load(folder: Path, clients: int, requests: int, rounds: int) -> None:
    """Print throughput and latency of the endpoint, from a cassette and from a store, and without either."""
    found: dict[str, list[dict[str, Any]]] = {WITHOUT: [], "records.jsonl": [], "store": []}
    for _ in range(rounds):
        for place, rows in found.items():
            with served(folder, place) as url:
                rows.append(load(sys.executable, folder, clients, requests, url))
    for what, rows in found.items():
        report(what, rows, found[WITHOUT])


def beside_vcrpy(folder: Path, requests: int, rounds: int, python: Path) -> None:
    """Print the same for one client that vcrpy answers in its own process, and for one that the endpoint answers."""
    taken = str(folder / "vcrpy.yaml")
    found: dict[str, list[dict[str, Any]]] = {"vcrpy": [], "records.jsonl": []}
    with served(folder, "records.jsonl") as url:
        load(python, folder, 1, requests, url, taken)  # records
        for _ in range(rounds):
            found["vcrpy"].append(load(python, folder, 1, requests, url, taken))
            found["records.jsonl"].append(load(python, folder, 1, requests, url))
    for what, rows in found.items():
        report(what, rows, found["vcrpy"])


def load(python: str | Path, folder: Path, clients: int, requests: int, url: str, *taken: str) -> dict[str, Any]:
    """Return what `benchmarks.load` prints in that Python; raises RuntimeError where an answer was wrong."""
    words = [str(python), str(LOAD), str(folder / "asked"), str(clients), str(requests), url, *taken]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    if found["wrong"]:
        raise RuntimeError(f"{found['wrong']} of {requests} answers were wrong")
    return found


def report(what: str, rows: list[dict[str, Any]], reference: list[dict[str, Any]]) -> None:
    """Print the medians of all turns, and of the ratio in each turn."""
    rate = statistics.median(len(row["latencies"]) / row["seconds"] for row in rows)
    half, most = (
        statistics.median(row["latencies"][int(share * len(row["latencies"]))] for row in rows) for share in (0.5, 0.99)
    )
    ratio = statistics.median(other["seconds"] / row["seconds"] for row, other in zip(rows, reference, strict=True))
    print(f"  {what:28} {rate:7.0f} a second   median {half * 1e3:7.2f} ms   99 % {most * 1e3:7.2f} ms   {ratio:5.2f}")


# -- servers and environments ---


@contextmanager
def served(folder: Path, place: str) -> Iterator[str]:
    """Run `serve` in a process of its own; gives the URL."""
    words = [sys.executable, "-m", "benchmarks.endpoint", "--serve", place, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def serve(place: str, folder: Path) -> None:
    """Answer from a place until the process is ended."""
    answering = nullcontext(lying(folder)) if place == WITHOUT else responding([folder / place])
    with answering as responder, serving(responder) as url:
        print(url, flush=True)
        Event().wait()


def lying(folder: Path) -> Any:
    """Return what answers a body with bytes that lie ready."""
    ready, media = {}, {"content-type": "application/json"}
    for line in (folder / "asked").read_text().splitlines():
        request, answer = json.loads(line)
        whole = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
        ready[json.dumps(request).encode()] = json.dumps(whole).encode()
    return SimpleNamespace(answer=lambda *request: Answered(200, ready[request[-1]], media))


def installed(folder: Path) -> Path:
    """Return the Python of a new environment that has vcrpy."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "vcrpy"], check=True)
    return python


if __name__ == "__main__":
    main()
