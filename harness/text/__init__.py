"""Text ↔ architecture: what people type, and what language models write."""
