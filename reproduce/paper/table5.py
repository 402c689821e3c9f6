"""Table 5: transfer to CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from reproduce.paper import transfer
from reproduce.report.report import Report

HEADINGS = {
    "backbone": "Backbone",
    "input": "Input",
    "flops_m": "FLOPs (M)",
    "params_m": "Params (M)",
    "cifar10": "CIFAR-10 (%)",
    "cifar100": "CIFAR-100 (%)",
}


def report(*, embedded_only: bool = False) -> Report:
    """Accuracies quoted, costs of GENIUS' networks computed at input 224."""
    title = "Table 5. Transfer to image classification (arXiv 2304.10970)"
    forms = {"cifar10": ".1f", "cifar100": ".1f"}
    return transfer.report("table5", title, HEADINGS, forms, embedded_only=embedded_only)
