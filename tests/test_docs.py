"""The pages under docs: what they show is what their commands print, and the rest of it claims no number.

`python -m tests.test_docs` writes anew what is printed, once the published tables are at hand.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

from reproduce.__main__ import main

PAGE = Path(__file__).parents[1] / "docs" / "what-genius-numbers-mean.md"
PRINTED = re.compile(r"```sh\npython -m reproduce (?P<command>[^\n]*)\n```\n(?P<body>.*?)<!-- end -->", re.S)
NAMES = re.compile(r"NAS-Bench-201|GPT-4|SmolLM2 135M|`smollm2`|`gemma3-270m`|Gemma 3 270M|budget 0\b")
COMPARES = re.compile(r"\b(?:better|worse|ahead|behind|beats|outperforms?|level with)\b")


def printed(command: str) -> str:
    """The table and the notes that a command prints, without its title and without the digest of today's code."""
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out):
        assert main([*shlex.split(command), "--format", "md"]) == 0
        out.seek(0)
    lines = out.read().splitlines()
    kept = [line for line in lines if not line.startswith(("## ", "- genius-replay ")) and "computed anew" not in line]
    if command.startswith("supernets"):  # its table is long, and its notes sum it up
        kept = [line for line in kept if line.startswith("- ")]
    return "\n" + "\n".join(kept).strip() + "\n\n"


def test_what_the_page_shows_is_what_the_commands_print(fetched: Path) -> None:
    blocks = list(PRINTED.finditer(PAGE.read_text(encoding="utf-8")))
    assert [block["command"].split()[0] for block in blocks] == ["compare", "supernets"]
    for block in blocks:
        assert block["body"].splitlines() == printed(block["command"]).splitlines()


def test_the_rest_of_the_page_states_no_number_and_no_comparison() -> None:
    """C6: what a person wrote beside the numbers was contradicted by them; so it holds none."""
    prose = NAMES.sub("", PRINTED.sub("", PAGE.read_text(encoding="utf-8")))
    assert re.findall(r"\S*\d\S*", prose) == []
    assert COMPARES.findall(prose) == []


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    for block in PRINTED.finditer(page):
        page = page.replace(block[0], block[0].replace(block["body"] + "<!--", printed(block["command"]) + "<!--"))
    PAGE.write_text(page, encoding="utf-8")
