"""Tables that this project trained, embedded in it; `docs/private-table.md` says what they are good for."""
