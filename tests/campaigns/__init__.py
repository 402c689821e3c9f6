"""Campaigns: many more cases than a test tries, with their number on the command line; each has a small test."""
