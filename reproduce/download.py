"""One file over HTTP into a part file, continued where an earlier transfer broke off; the caller verifies it."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from reproduce.errors import DownloadFailed, Unreachable

BLOCK = 1 << 16  # bytes asked of the connection at a time
ADVICE = "try again later, or bring the file from elsewhere with --mirror DIR"


def receive(url: str, part: Path, *, size: int | None, advance: Callable[[int], None], timeout_s: float) -> None:
    """Receive what the part file still lacks, or everything where the server or the part file leaves no choice.

    Args:
        url: what to download; proxies are taken from the environment.
        part: grows block by block and outlives every failure.
        size: of the whole file in bytes, if it is known.
        advance: is told the number of bytes in the part file after each block.
        timeout_s: seconds without a byte after which the server counts as silent.

    Raises:
        Unreachable: no server answered.
        DownloadFailed: the server answered with an error, or the transfer broke off.
        OSError: the part file cannot be written.
    """
    received = part.stat().st_size if part.exists() else 0
    if size is not None and received >= size:
        received = 0  # long enough and yet not the file, or receive would not be asked: nothing to build on
    response = _resume(url, received, size, timeout_s) if received else None
    if response is None:
        received = 0
        response = _request(url, {}, timeout_s)
    with response, part.open("ab" if received else "wb") as file:
        total = size if response.length is None else received + response.length
        while total is None or received < total:
            try:
                block = response.read1(BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _broke_off(url, received, total, repr(error)) from error
            if not block:
                break
            file.write(block)
            received += len(block)
            advance(received)
    if total is not None and received < total:
        raise _broke_off(url, received, total, "the server closed the connection")


def _resume(url: str, offset: int, size: int | None, timeout_s: float) -> http.client.HTTPResponse | None:
    """A response whose body goes on at `offset`; None if the server does not go on exactly there."""
    try:
        response = _request(url, {"Range": f"bytes={offset}-"}, timeout_s)
    except _RangeRefused:
        return None
    total = r"\d+" if size is None else str(size)
    matches = re.fullmatch(rf"bytes {offset}-\d+/({total}|\*)", response.headers.get("Content-Range", ""))
    if response.status == http.client.PARTIAL_CONTENT and matches:
        return response
    response.close()
    return None


class _RangeRefused(DownloadFailed):
    """The server has nothing at the offset asked for (status 416)."""


def _request(url: str, headers: dict[str, str], timeout_s: float) -> http.client.HTTPResponse:
    try:
        request = urllib.request.Request(url, headers=headers)
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        kind = _RangeRefused if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE else DownloadFailed
        raise kind(f"{url}: expected the file, found status {error.code} {error.reason}; {ADVICE}") from error
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(
            f"{url}: expected an answer, found none ({reason}); check the connection, {ADVICE}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadFailed(f"{url}: expected an answer, found {error!r}; {ADVICE}") from error
    return response


def _broke_off(url: str, received: int, total: int | None, reason: str) -> DownloadFailed:
    expected = "all of it" if total is None else f"{total:,} bytes"
    return DownloadFailed(
        f"{url}: expected {expected}, received {received:,} bytes ({reason}); "
        "they are kept, the same command goes on from there"
    )
