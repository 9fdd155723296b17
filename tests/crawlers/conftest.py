"""Servers of tests are on this machine and want no rest: crawls that tests start wait a hundred times less.

Robots, reservations, turns and patience stay as they are; the tests of politeness ask for longer rests by Crawl-delay.
"""

import os

os.environ.setdefault("POLYPHONIE_TEST_CRAWL_DELAY_S", "0.01")
os.environ.setdefault("POLYPHONIE_TEST_CRAWL_BACKOFF_S", "0.02")
