"""What the command line offers: the paper's tables and the other commands, with a line on each."""

from __future__ import annotations

REPORTS = {
    "table1": "NAS-Bench-201: GENIUS from its trials, other methods looked up",
    "table2": "ImageNet, MobileNetV2 search space: both GENIUS searches replayed",
    "table3": "ablation: epochs of each training during the search",
    "table4": "ablation: input size of each training during the search",
    "table5": "transfer to classification; costs of GENIUS' networks computed",
    "table6": "transfer to detection",
    "table7": "NAS-Bench-Macro at temperature 1: every proposal, accuracy and rank",
    "table8": "NAS-Bench-Macro at temperature 0",
    "table9": "Channel-Bench-Macro, ResNet",
    "table10": "Channel-Bench-Macro, MobileNet",
    "table11": "NAS-Bench-201, CIFAR-10: validation accuracy by iteration",
    "table12": "NAS-Bench-201, CIFAR-100",
    "table13": "NAS-Bench-201, ImageNet16-120",
    "table14": "the ImageNet search space, from its declaration",
}
"""Modules of `reproduce` with a function `report`."""

FIGURES = {
    "figure2": "NAS-Bench-Macro, accuracy and rank by iteration; --out FILE.png or .svg draws it",
    "figure3": "Channel-Bench-Macro, accuracy and rank by iteration",
    "figure_temperature": "temperature 1 against 0, with what three trials can show",
}
"""Modules with functions `report` (every point that is drawn) and `draw`."""

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
"""Modules of `reproduce` with functions `add_arguments` and `run`."""
