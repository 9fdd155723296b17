"""Measures: pure functions over counts and arrays, and thin readers of the index beside them."""
