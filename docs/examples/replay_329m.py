"""The ImageNet search of GENIUS that found GENIUS-329, step by step: what GPT-4 was told, and what was true."""

import reproduce

replay = reproduce.replay("329M")
for step in replay.trajectory.steps:
    true, told = step.trial, step.told
    said = told.rejection.reason.value if isinstance(told, reproduce.Rejected) else f"told {step.accuracy} %"
    print(f"T={step.iteration} turn {step.turn}: {true.macs / 1e6:.3f} M MACs, {said if told else 'the record ends'}")
print(*replay.errata, sep="\n")
print("winner:", replay.winner)
