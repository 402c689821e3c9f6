"""What can go wrong with a benchmark table; every message says what mends it.

TableError
├── InvalidArchitecture   a tuple or a key that is no architecture of the space (also a ValueError)
└── DamagedTable          not a table, truncated, or with another content than its digest says
"""


class TableError(Exception):
    """Root of this package's errors; by itself: a file that is missing, incomplete or of another version."""


class InvalidArchitecture(TableError, ValueError):
    """Wrong length, a choice that its slot does not offer, or a text that is no key of the space."""


class DamagedTable(TableError):
    """The file cannot be read as a table, or reads well and holds something else than its digest says."""
