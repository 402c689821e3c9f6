"""The paper, one module a table; the command line; the only place that wires everything together."""
