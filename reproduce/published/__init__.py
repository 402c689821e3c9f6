"""Published runs of GENIUS: their conversations, taken apart, replayed and audited."""
