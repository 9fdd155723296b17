"""Scrapy's settings, the same for every source: one connection a host, robots.txt obeyed, nothing personal in a log."""

BOT_NAME = "polyphonie"
SPIDER_MODULES = ["crawlers"]
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"

ITEM_PIPELINES = {"crawlers.pipeline.SpoolPipeline": 500}
DOWNLOADER_MIDDLEWARES: dict[str, int | None] = {}

CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_TIMEOUT = 60
DOWNLOAD_MAXSIZE = 256 * 1024 * 1024
COOKIES_ENABLED = False
TELNETCONSOLE_ENABLED = False
REFERER_ENABLED = False
RETRY_ENABLED = False
ROBOTSTXT_OBEY = False

# A url may hold a handle, an item always holds texts.
LOG_LEVEL = "ERROR"
LOG_FORMATTER = "crawlers.logs.Discreet"
EXTENSIONS = {"scrapy.extensions.logstats.LogStats": None, "scrapy.extensions.memusage.MemoryUsage": None}
