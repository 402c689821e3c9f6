"""Text from outside, made harmless for where it is shown: one function a form, and nothing is shown but through it.

What a model, a file or an endpoint says is data: it must not move a cursor, begin a formula, a tag, a link or a macro.
"""

from __future__ import annotations

import json
import re
from typing import Any

from genius_replay.console import printable
from genius_replay.showing import as_html as as_html
from genius_replay.showing import as_line as as_line

_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
"""With these a spreadsheet begins a formula (OWASP, CSV injection); the last four are the wide forms of the first."""
_MARKDOWN = re.compile(r"[\\<~]|\*(?=\S)|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])|(?<=\])\(")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
_NOT_LATEX = re.compile("[^ -~\xa0-ſ–—‘’“”…†‡•→]|[«»ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ]")
"""What LaTeX cannot set with the fonts that it takes by itself."""
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{character: "\\" + character for character in "&%#_{}$"},
        **{character: f"{{{character}}}" for character in "[*"},  # behind a line's end these would be its arguments
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "|": r"\textbar\allowbreak{}",  # where an architecture may go on in the next line
        "–": "--",
        "±": r"$\pm$",
        "×": r"$\times$",
        "→": r"$\to$",
    }
)


def as_markdown(text: str) -> str:
    """A line of Markdown without tags, entities, links, pictures and emphasis; code between backticks stays code."""
    return _MARKDOWN.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), as_line(text))


def as_markdown_cell(text: str) -> str:
    """A cell of a table in Markdown."""
    return as_markdown(text).replace("|", "\\|")


def as_csv(value: Any) -> Any:
    """A field of CSV: a number as it is, a text that a spreadsheet would calculate behind an apostrophe."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if _FORMULA.match(value) else value)


def as_json(content: Any) -> str:
    """JSON in ASCII, which holds any text without a control character; what is no finite number, as null."""
    return json.dumps(json.loads(json.dumps(content), parse_constant=lambda _: None), indent=1) + "\n"


def as_latex(text: str) -> str:
    """A text that LaTeX sets as it is; characters that it has not, by their number."""
    return _NOT_LATEX.sub(lambda found: f"U+{ord(found[0]):04X}", as_line(text)).translate(_LATEX)
