"""What the documentation is made of beside its pages: the tour, executed, and the reference of each package."""

from __future__ import annotations

import os
import re
import tempfile
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import griffe
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "docs" / "tour.ipynb"
PACKAGES = (
    "reproduce",
    "reproduce.report",
    "harness",
    "harness.conformance",
    "harness.spaces",
    "harness.text",
    "harness.training",
    "baselines",
    "tables",
    "cache",
)
PATIENCE_S = 120
SESSION = re.compile(r"^ *>>> .*(?:\n *\S.*)*", re.MULTILINE)  # to the next blank line
ELSEWHERE = re.compile(r"""<(?:script|link(?! rel="(?:canonical|edit))|img|iframe)[^>]*?(?:src|href)="?https?:[^>]*""")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    files.remove(files.src_uris["tour.ipynb"])  # its place is taken by what it shows when it runs
    tour, pictures = executed(TOUR)
    files.append(File.generated(config, "tour.md", content=tour))
    for name, picture in pictures.items():
        files.append(File.generated(config, name, content=picture))
    for package in PACKAGES:
        files.append(File.generated(config, f"reference/{package}.md", content=reference(package)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lead to the tour as a page; where the pages are read as files, links lead to the notebook."""
    return markdown.replace("](tour.ipynb)", "](tour.md)")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Refuse a page that would load something from elsewhere when it is read.

    Raises:
        PluginError: if one does.
    """
    loaded = ELSEWHERE.findall(output)
    if loaded:
        raise PluginError(f"{page.file.src_uri}: expected nothing that is loaded from elsewhere, got {loaded[0]}")
    return output


def executed(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown with what its cells print, and its pictures by name.

    It runs in an empty folder, with an empty home: from what is embedded in the project, as for a newcomer.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GENIUS_REPLAY_HOME"] = f"{folder}/home"
        talks = Config(
            ConnectionFileMixin={"transport": "ipc", "ip": f"{folder}/kernel"}
        )  # through files, over no port
        there = {"metadata": {"path": folder}}
        NotebookClient(notebook, config=talks, timeout=PATIENCE_S, resources=there).execute()
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    return text, dict(resources["outputs"])


def reference(package: str) -> str:
    """The page of a package: what its docstring says, then each of its public names; packages in it have their own."""
    module = import_module(package)
    inner = [name for name in module.__all__ if f"{package}.{name}" in PACKAGES]
    links = "".join(f"- [`{package}.{name}`]({package}.{name}.md)\n" for name in inner)
    names = sorted({*module.__all__} - {*inner}, key=str.swapcase)
    shown = "".join(f"::: {package}.{name}\n\n" for name in names)
    return f"# `{package}`\n\n{module.__doc__}\n\n`from {package} import …`\n\n{links}\n{shown}"


class Examples(griffe.Extension):
    """Shows the examples in docstrings as what they are, a Python session."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Fence the examples in the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = SESSION.sub(lambda found: f"```pycon\n{dedent(found[0])}\n```", obj.docstring.value)
