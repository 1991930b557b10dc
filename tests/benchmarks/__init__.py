"""Measures the whole system against what the machine could do at most: `make bench`."""
