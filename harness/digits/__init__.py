"""This project's own tables: every cell of NAS-Bench-201 in small networks on noisy digits."""
