"""Runs side by side, whatever becomes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from harness import run
from harness.errors import HarnessError


def test_runs_that_wait_for_a_training_end_where_the_search_has_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three failures in a row end a search; a run that misses a training then was asked for without an end."""
    rounds: list[object] = []

    def performed(one: SimpleNamespace, *_: object, **__: object) -> SimpleNamespace:
        if one.n:
            raise HarnessError("down")
        return SimpleNamespace(missing=((0,),), trajectory=SimpleNamespace(steps=()))

    def ask_all(*_: object) -> None:
        rounds.append(None)
        assert len(rounds) < 10

    monkeypatch.setattr(run, "perform", performed)
    monkeypatch.setattr(run, "_refuse_another_course", Mock())
    monkeypatch.setattr(run, "_unseen", Mock(return_value=None))
    monkeypatch.setattr(run, "job", Mock(return_value=("key", {})))
    planned: Any = [SimpleNamespace(n=n, training=1, name=f"run {n}") for n in range(4)]
    client: Any = SimpleNamespace(ask_all=ask_all)
    setting = Mock(return_value=SimpleNamespace(oblivious=False))
    with pytest.raises(HarnessError, match="0 of 4 runs came to their end, 3 failed"):
        run.perform_all(planned, client, setting)
