"""The commands, with a line on each; tables and figures are named in `reproduce.paper.registry`."""

from __future__ import annotations

COMMANDS = {
    "list": "what can be reproduced, and from which data",
    "all": "every table and figure into a folder",
    "compare": "search methods beside GENIUS, same tables, same budgets",
    "query": "look up an architecture, or the best of a table",
    "conformance": "whether a method, space or table of your own holds what it has to",
    "fetch": "bring the published files, verified",
    "audit": "hold the published conversations against the cost model",
    "serve": "a small language model on this machine, behind an OpenAI-compatible endpoint",
    "record": "let a live model search as GENIUS did, and keep every answer",
    "recordings": "recorded models searched again, with what became of their answers",
    "search": "search a table or by real training, any method; GENIUS' ImageNet runs with their designs trained",
    "jobs": "the queue of trainings: list, log, cancel, retry, and how many hours remain",
    "calibrate": "train published architectures by the published recipe, and compare",
    "supernets": "where searches with shared weights went: DARTS and GDAS on small pictures, recorded",
    "check": "fail if any recorded run, digest or number has moved",
}
"""Modules of `reproduce.cli` with functions `add_arguments` and `run`; `record` is in that of `search`."""
