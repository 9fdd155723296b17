"""Press and blogs: RSS and Atom feeds."""
