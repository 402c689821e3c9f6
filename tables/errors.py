"""What can go wrong with a benchmark table; every message says what mends it.

TableError
├── InvalidArchitecture   a tuple that is no architecture of the space (also a ValueError)
├── UnknownArchitecture   not an architecture of this table (also a LookupError)
├── SourceNotFound        the file that a table is built from is not there
├── MalformedSource       a published file does not hold what its benchmark publishes
├── BuildFailed           a table could not be written; what was there before is untouched
├── TableNotFound         no table has been built at that path
├── SchemaMismatch        a table that another version of this package wrote
└── DamagedTable          not HDF5, truncated, or not a table
    └── WrongDigest       whole, but its content is not what its digest says
"""


class TableError(Exception):
    """Root of this package's errors."""


class InvalidArchitecture(TableError, ValueError):
    """A tuple of the wrong length, or with an entry that is no choice of its slot."""


class UnknownArchitecture(TableError, LookupError):
    """A tuple of the wrong length, or with a choice that its slot does not offer."""


class SourceNotFound(TableError):
    """The published file is not where it was looked for."""


class MalformedSource(TableError):
    """The published file is truncated, incomplete, or holds something it should not."""


class BuildFailed(TableError):
    """A table could not be written."""


class TableNotFound(TableError):
    """No built table at that path."""


class SchemaMismatch(TableError):
    """The table was written under another version of the schema."""


class DamagedTable(TableError):
    """The file cannot be read as a table."""


class WrongDigest(DamagedTable):
    """The file reads well and holds something else than its digest says."""
