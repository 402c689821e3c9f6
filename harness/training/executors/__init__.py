"""Where training jobs run, one kind of machine a file."""
