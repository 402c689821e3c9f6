"""Two made-up published tables, built once for each file of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tables.made_up import CELLS, MACRO, build, published_bytes


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(published_bytes(CELLS), CELLS, tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def macro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(published_bytes(MACRO), MACRO, tmp_path_factory.mktemp("macro"))
