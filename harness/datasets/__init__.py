"""Image data, one source a file: arrays with a digest."""
