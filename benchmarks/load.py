"""Programs that ask an endpoint, or vcrpy in the same process; a script of its own, for any environment.

`python benchmarks/load.py FILE CLIENTS REQUESTS URL [CASSETTE]` sends requests from as many threads as there are
clients, each with a connection of its own, and prints as JSON how that went. FILE has a line `[request, answer]` each.
With CASSETTE, vcrpy records there what it lacks, and the URL is that of the recording.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def main(file: str, clients: str, requests: str, url: str, cassette: str = "") -> None:
    """Send the requests and print seconds, sorted latencies in seconds, and how many answers were wrong."""
    lines = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    pairs = [(json.dumps(request).encode(), answer) for request, answer in lines]
    latencies: list[float] = []
    wrong: list[int] = []
    turns = count()

    def client() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        while (turn := next(turns)) < int(requests):
            body, answer = pairs[turn % len(pairs)]
            start = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            content = connection.getresponse().read()
            latencies.append(time.perf_counter() - start)
            if json.loads(content)["choices"][0]["message"]["content"] != answer:
                wrong.append(turn)
        connection.close()

    with recorded_by_vcrpy(cassette) if cassette else contextlib.nullcontext():
        threads = [threading.Thread(target=client) for _ in range(int(clients))]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
    found = {"seconds": seconds, "latencies": sorted(latencies), "wrong": int(requests) - len(latencies) + len(wrong)}
    sys.stdout.write(json.dumps(found))


@contextlib.contextmanager
def recorded_by_vcrpy(cassette: str) -> Iterator[None]:
    """Let vcrpy answer; a request has its answer by its body, as often as it is asked."""
    import vcr

    options: dict[str, Any] = {"allow_playback_repeats": True, "match_on": ["method", "path", "body"]}
    with vcr.use_cassette(cassette, record_mode="new_episodes", **options):
        yield


if __name__ == "__main__":
    main(*sys.argv[1:])
