"""Manners towards the servers that are asked: Scrapy middlewares, each with one duty, the same for every source.

From the spider to the network: `redirects` and `robots` and `tdm` say what may be asked, `budget` how much a day,
`patience` asks again, and `turns` lets one request at a time through to a host. What they refuse is a SourceError,
counted among the outcomes of the source.
"""
