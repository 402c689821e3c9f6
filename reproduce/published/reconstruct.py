"""Build what is embedded: the figures of the ImageNet runs, and cassettes of this project's own prompts.

`python -m reproduce.published.reconstruct figures` reads the fetched conversations and writes
`paper/imagenet_runs.json`; `python -m reproduce.published.reconstruct cassettes` writes a cassette for each of these
runs and for each of tables 7 to 10. The answers in a cassette are the published designs in this project's own layout;
no published sentence enters either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import msgspec

from cache import cassette
from cache.errors import CacheError
from cache.record import Record
from genius_replay.console import Exit, ending
from genius_replay.options import Parser
from reproduce.data import read_published
from reproduce.errors import DataMissing, ReproduceError
from reproduce.published import imagenet, trials
from reproduce.published.conversation import parse
from reproduce.published.imagenet import Embedded, Transcript
from reproduce.published.replay import reconstruct
from reproduce.published.trials import Trials
from reproduce.report.output import write

SOURCE = "github.com/mingkai-zheng/GENIUS at 97361d30b2da337edd0c8e1ed71b7c88b4a85d38; figures only"


def figures() -> str:
    """The embedded file, made of the conversations at hand; one line a turn, so that a change can be reviewed.

    Raises:
        DataMissing: if none has been fetched.
    """
    runs = []
    for entry in imagenet.distinct_conversations():
        if (data := read_published(entry)) is not None:
            runs.append(imagenet.transcript(entry, parse(data, entry.path)))
    if not runs:
        raise DataMissing("329M", purpose="the figures of the published runs")
    text = json.dumps(msgspec.to_builtins(Embedded(source=SOURCE, runs=tuple(runs))), indent=1)
    for folded in (r"\[[\d,\s]*\]", r"\{[^{}]*\}"):  # lists of numbers, then the turns that hold them
        text = re.sub(folded, lambda found: re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text)
    return text.replace("{ ", "{").replace(" }", "}") + "\n"


def records(figures: Transcript) -> list[Record]:
    """The records of a run that proposes the published designs in answer to this project's prompts."""
    designs = (turn.design for turn in figures.turns)
    return [*reconstruct(imagenet.specification(figures), designs, {"file": figures.file, "sha256": figures.sha256})]


def records_of_trials(table: Trials) -> list[Record]:
    """The records of all trials of a table of the paper, with this project's prompts."""
    provenance = {"table": f"arXiv:2304.10970v4 {table.name}"}
    return [
        record
        for number, trial in enumerate(table.trials)
        for record in reconstruct(trials.specification(table, number), (one.architecture for one in trial), provenance)
    ]


@ending(ReproduceError, CacheError)
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the embedded files."""
    parser = Parser(prog="python -m reproduce.published.reconstruct", description=__doc__)
    parser.add_argument("what", choices=("figures", "cassettes"))
    if parser.parse_args(arguments).what == "figures":
        write(figures().encode(), imagenet.RUNS)
        return 0
    for name, run in imagenet.embedded().items():
        cassette.write(imagenet.cassette_path(name), records(run))
    for name, table in trials.published_trials().items():
        cassette.write(trials.cassette_path(name), records_of_trials(table))
    return 0


if __name__ == "__main__":
    raise Exit(main())
