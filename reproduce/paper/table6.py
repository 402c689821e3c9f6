"""Table 6: transfer to object detection, RetinaNet on COCO val2017."""

from __future__ import annotations

from reproduce.paper import transfer
from reproduce.report.report import Report

HEADINGS = {
    "backbone": "Backbone",
    "flops_m": "FLOPs (M)",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_s": "APS",
    "ap_m": "APM",
    "ap_l": "APL",
    "top1": "Top-1 (%)",
}


def report(*, embedded_only: bool = False) -> Report:
    """Average precisions quoted, the cost of GENIUS-329 computed at input 224."""
    title = "Table 6. Transfer to object detection, RetinaNet, COCO (arXiv 2304.10970)"
    forms = dict.fromkeys(("ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l", "top1"), ".1f")
    return transfer.report("table6", title, HEADINGS, forms, embedded_only=embedded_only)
