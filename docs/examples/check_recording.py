"""A recording held against a lock of one's own: what has moved since it was pinned."""

import reproduce

reproduce.search("local-search", "nas-bench-201-digits", trials=3, into="climbs.jsonl")
reproduce.lock(["climbs.jsonl"], "lock.json", reason="first recording")
print("moved:", reproduce.check(["climbs.jsonl"], "lock.json") or "nothing")
reproduce.search("local-search", "nas-bench-201-digits", trials=4, into="climbs.jsonl")  # one trial more
print("moved:", *reproduce.check(["climbs.jsonl"], "lock.json"), sep="\n")
