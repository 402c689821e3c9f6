"""Benchmark tables that others published or this project trained, keyed by architecture; knows of no optimiser."""

from genius_replay import refuse_namesakes

refuse_namesakes()
