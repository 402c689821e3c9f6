"""A Python function as the language model in GENIUS' loop: nothing is asked twice, and the recording replays."""

import random

import reproduce


def model(messages):  # here anything may be called that takes a conversation and returns a text
    drawn = random.Random(str(messages))
    return f"Design: {[drawn.randrange(5) for _ in range(6)]}"


# `after` is shown each step when it has happened; where it returns True, the run ends.
[run] = reproduce.search(
    model="my-model", complete=model, table="nas-bench-201-digits", start=["333333"], after=print, into="mine.jsonl"
)
[again] = reproduce.replay_recording("mine.jsonl")
print("replayed:", again.trajectory == run.trajectory, "best:", again.trajectory.best.accuracy)
