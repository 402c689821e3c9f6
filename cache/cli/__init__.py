"""The commands of `python -m cache`; `cache.__main__` reads its command line and calls them."""
