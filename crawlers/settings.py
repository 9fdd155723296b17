"""Scrapy's settings, the same for every source: one connection a host, robots.txt obeyed, nothing personal in a log."""

import os

BOT_NAME = "polyphonie"
SPIDER_MODULES = ["crawlers"]
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"

ITEM_PIPELINES = {"crawlers.pipeline.SpoolPipeline": 500}

# The lower the nearer to the spider. Scrapy follows redirects at 600, and decompresses at 590.
DOWNLOADER_MIDDLEWARES = {
    "crawlers.politeness.redirects.Redirects": 90,
    "crawlers.politeness.robots.Robots": 100,
    "crawlers.politeness.tdm.Tdm": 110,
    "crawlers.politeness.patience.Patience": 800,
    "crawlers.politeness.budget.Budget": 810,
}
DOWNLOAD_HANDLERS = {
    "http": "crawlers.politeness.turns.Turns",
    "https": "crawlers.politeness.turns.Turns",
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}

# Seconds between two requests to a host; its robots.txt or a spider may ask for more. Servers of tests want no rest.
POLITE_DELAY_S = float(os.environ.get("POLYPHONIE_TEST_CRAWL_DELAY_S", "1"))
POLITE_TRIES = 5
POLITE_BACKOFF_S = float(os.environ.get("POLYPHONIE_TEST_CRAWL_BACKOFF_S", "2"))
POLITE_LONGEST_BACKOFF_S = 300.0
POLITE_LONGEST_WAIT_S = 1_800.0  # beyond, the round ends and says until when

CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 0  # it would be a crawler's own; ours is of the process
DOWNLOAD_TIMEOUT = 60
DOWNLOAD_MAXSIZE = 256 * 1024 * 1024
DOWNLOAD_VERIFY_CERTIFICATES = True
REDIRECT_MAX_TIMES = 5
METAREFRESH_ENABLED = False
COOKIES_ENABLED = False
TELNETCONSOLE_ENABLED = False
REFERER_ENABLED = False
RETRY_ENABLED = False
ROBOTSTXT_OBEY = False  # Scrapy's own lets everything through when robots.txt cannot be reached

# A url may hold a handle, an item always holds texts.
LOG_LEVEL = "ERROR"
LOG_FORMATTER = "crawlers.logs.Discreet"
EXTENSIONS = {"scrapy.extensions.logstats.LogStats": None, "scrapy.extensions.memusage.MemoryUsage": None}
