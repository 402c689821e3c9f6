"""Made-up replies of a model, in the layouts of the published answers and in others that a model may well choose."""

from __future__ import annotations

import json

from harness.spaces.mobilenetv2_se import SPACE
from tables.space import Architecture
from tests.strategies import GENIUS_329

DESIGN: Architecture = GENIUS_329
OTHER: Architecture = (2, *DESIGN[1:])
LAYERS = ((2, 7), (8, 13), (14, 19), (20, 25), (26, 31))


def rows(row: str, design: Architecture = DESIGN, separator: str = "\n") -> str:
    """One row a stage: `{n}` its number, `{a}` and `{z}` its layers, `{l}` its list, `{b}` that without brackets."""
    stages = zip(LAYERS, SPACE.split(design), strict=True)
    return separator.join(
        row.format(n=n, a=first, z=last, l=list(choices), b=", ".join(map(str, choices)))
        for n, ((first, last), choices) in enumerate(stages, start=1)
    )


STAGED = rows("Stage {n} (Layer {a} to Layer {z}): {l}")
OTHER_STAGED = rows("Stage {n} (Layer {a} to Layer {z}): {l}", OTHER)
FLAT = f"op_list = {list(DESIGN)}"
OTHER_FLAT = f"op_list = {list(OTHER)}"


READ = {
    # what the published answers do
    "a line a stage": STAGED,
    "layers in short": rows("Stage {n} (Layers {a}-{z}):  {l}"),
    "two colons": rows("Stage {n}: Layer {a} to Layer {z}: {l}"),
    "numbered": rows("{n}. Stage {n} (Layer {a} to Layer {z}): {l}"),
    "bulleted": rows("- Stage {n} (Layer {a} to Layer {z}): {l}"),
    "on the next line": rows("Stage {n} (Layer {a} to Layer {z}):\n{l}", separator="\n\n"),
    "Python, comments before": "op_list = [\n" + rows("    # Stage {n}\n    {b},") + "\n]",
    "Python, comments behind": "op_list = [\n" + rows("    {b},  # Stage {n} (Layer {a} to Layer {z})") + "\n]",
    "stages, then flat": STAGED + "\n\nSo that " + FLAT,
    "flat, then stages": FLAT + "\n\nwhich means:\n" + STAGED,
    "a sum in brackets": STAGED + "\n\nTotal: [5.419 + 5.8207 + 23.7855 + 19.8743] = 329 (within [270, 330]).",
    "a control character": FLAT.replace("4, 0, 4", "4, \x040, 4"),
    # tables
    "table": "| Stage | Layers | Operations |\n|---|---|---|\n" + rows("| Stage {n} | {a}-{z} | {l} |"),
    "table with costs": "| Stage | Operations | M |\n|:--|:-:|--:|\n"
    + rows("| Stage {n} (Layers {a}–{z}) | {l} | 23.8 |"),
    "table, no brackets": "| Stage | Layers | Operations |\n|---|---|---|\n" + rows("| Stage {n} | {a}-{z} | {b} |"),
    # markdown
    "bold": rows("**Stage {n} (Layers {a}-{z}):** {l}"),
    "bold name": rows("**Stage {n}** (Layers {a}-{z}): {l}"),
    "numbered bold": rows("{n}. **Stage {n} (Layer {a} to Layer {z})**: {l}"),
    "bold lists": rows("Stage {n}: **{l}**"),
    "code spans": rows("Stage {n}: `{l}`"),
    "headings": rows("### Stage {n}\n\n{l}\n"),
    "headings with layers": rows("### Stage {n}: Layers {a}-{z}\n\n\n{l}\n"),
    "headings, bullets": rows("### Stage {n}\n- Operations: {l}\n- FLOPS: 23.8\n"),
    "nested bullets": rows("- **Stage {n} (Layers {a}-{z}):**\n  - **Operations:** {l}\n  - **FLOPS:** 23.8"),
    "a fence a stage": rows("### Stage {n}\n```python\n{l}\n```"),
    "one fence": f"```\n{STAGED}\n```",
    "quoted": rows("> Stage {n}: {l}"),
    # links between heading and list
    "arrow": rows("Stage {n}: Layers {a}-{z} -> {l}"),
    "double arrow": rows("Stage {n} => {l}"),
    "Unicode": rows("Stage\u00a0{n} (Layers {a}–{z}) → {l}"),
    "full-width colon": rows("Stage {n}：{l}"),
    "words": rows("Stage {n}: the operations of layers {a} to {z} are {l}"),
    "a label": rows("Stage {n} (Layer {a} to Layer {z}): operation ids: {l}"),
    "a line of explanation": rows("Stage {n} (Layer {a} to Layer {z}):\nHere Stage {n} stays cheap.\n{l}"),
    "kernels first": rows("Stage {n} (kernels [3, 5]): {l}"),
    # code
    "variables": rows("stage{n} = {l}") + "\nop_list = stage1 + stage2 + stage3 + stage4 + stage5",
    "variables, other names": rows("stage_{n}_ops = {l}"),
    "dictionary": "{\n" + rows('    "stage{n}": {l},') + "\n}",
    "dictionary on a line": "{" + rows("'Stage {n}': {l}", separator=", ") + "}",
    "list of lists": "op_list = [" + rows("{l}", separator=", ") + "]",
    "list of lists, rows": "op_list = [\n" + rows("    {l},") + "\n]",
    "list of lists, comments behind": "op_list = [\n" + rows("    {l},  # Stage {n}") + "\n]",
    "list of lists, comments before": "op_list = [\n" + rows("    # Stage {n}\n    {l},") + "\n]",
    "comments of another language": "op_list = [\n" + rows("    {b},  // Stage {n}: {l}") + "\n]",
    "costs in comments": "op_list = [\n" + rows("    {b},  # 23.8 + 12.3 = 36.1") + "\n]",
    "an entry a line": "op_list = [\n" + "\n".join(f"    {c},  # layer {n}" for n, c in enumerate(DESIGN)) + "\n]",
    "a call": f"op_list = np.array({list(DESIGN)})",
    "a tuple": f"op_list = {DESIGN}",
    "quoted symbols": json.dumps([str(choice) for choice in DESIGN]),
    # JSON
    "JSON": json.dumps({"architecture": DESIGN}),
    "JSON, indented": json.dumps({"architecture": DESIGN}, indent=2),
    # without brackets
    "no brackets": rows("Stage {n} (Layer {a} to Layer {z}): {b}"),
    "no brackets, next line": rows("Stage {n} (Layer {a} to Layer {z}):\n  {b}"),
    "no brackets, a period": rows("**Stage {n}:** {b}."),
    "no brackets, costs": rows("Stage {n}: {b} (FLOPS: 23.8)"),
    "parentheses": rows("Stage {n}: ({b})"),
    "braces": rows("Stage {n}: {{{b}}}"),
    # what follows a list
    "costs behind": rows("Stage {n}: {l} (FLOPS: 23.8)"),
    "list of costs behind": rows("Stage {n}: {l} (FLOPS: [23.8, 0, 0, 0, 19.9, 0])"),
    "costs as a comment": rows("Stage {n}: {l}  # 23.8"),
    "a sum behind": rows("Stage {n}: {l} => 23.8 + 0 + 19.9 = 43.7"),
    "commas": rows("Stage {n}: {l},"),
    "periods": rows("Stage {n}: {l}."),
    "all on a line": rows("Stage {n}: {l}", separator=" "),
    "all on a line, semicolons": rows("Stage {n} (Layers {a}-{z}): {l}", separator="; "),
    "explanations between": rows("Stage {n}: {l}\nCheap, because Stage 3 is not.\n"),
    "bullets between": rows("Stage {n}: {l}\n- a cheap first layer\n* then skips\n"),
    "Windows line ends": STAGED.replace("\n", "\r\n"),
    "upper case": STAGED.upper(),
    # headings by slots, or none
    "layers": rows("Layer {a} to Layer {z}: {l}"),
    "layers in short, no stages": rows("- Layers {a}-{z}: {l}"),
    "slices": "\n".join(f"op_list[{n}:{n + 6}] = {list(DESIGN[n : n + 6])}" for n in range(0, 30, 6)),
    "for each stage": rows("For Stage {n} (Layer {a} to Layer {z}): {l}"),
    "no headings": "I choose:\n" + rows("{l}") + "\nfor thirty layers.",
    "numbers alone": rows("{n}. {l}"),
    # talk about lists
    "costs of all stages": STAGED + "\n\n" + rows("Stage {n} FLOPS: [23.8, 0, 0, 0, 19.9, 0]"),
    "kernels of all stages": STAGED + "\n\n" + rows("Stage {n} kernels: [3, 5, 7]"),
    "a change behind": STAGED + "\n\n- Stage 3: [4, 0, 4, 4, 0, 0] -> [4, 0, 4, 3, 0, 0]",
    "a change before": "Stage 1: from [1, 0, 0, 0, 0, 0] to [1, 0, 0, 0, 1, 0]\n\n" + STAGED,
    "an adjusted stage behind": STAGED + "\n\nStage 4 (Adjusted): [5, 5, 5, 4, 0, 0]",
    "the first stage again": STAGED + "\n\nStage 1: [6, 6, 6, 6, 6, 6]",
}
"""Texts that state `DESIGN` and leave no doubt about it."""
