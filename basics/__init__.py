"""What every package stands on, and knows nothing of any: files written whole, and options that lose nothing."""
