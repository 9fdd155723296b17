"""Servers of tests are on this machine and want no rest: crawls that tests start are polite at a hundred times the speed.

Robots, reservations, turns and patience stay as they are; `test_politeness.py` asks for real rests through Crawl-delay.
"""

import os

os.environ.setdefault("POLYPHONIE_TEST_CRAWL_DELAY_S", "0.01")
os.environ.setdefault("POLYPHONIE_TEST_CRAWL_BACKOFF_S", "0.02")
