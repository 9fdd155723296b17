"""Run as a script: sources that ask for a list of addresses, through the real settings and the real spool.

stdin: {"home", "sources": [{"name", "urls", "polite_delay_s", ...keys of a source}]}; stdout: what each address gave
(a status, or the words of a refusal), what each round ended with, and what the journal counted.
"""

import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scrapy.settings import Settings

import crawlers.run
from crawlers.crawl import Crawl
from crawlers.heard import Heard
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.intake import Border
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.spool import Spool


class WalkSource(Source):
    urls: tuple[str, ...]
    polite_delay_s: float = 0.0
    dont_redirect: bool = False


class Walk(SourceSpider):
    name = "walk"
    source_model = WalkSource
    source: WalkSource

    async def listen(self) -> AsyncIterator[Heard]:
        self.given: list[int | str] = []
        meta = {"polite_delay_s": self.source.polite_delay_s, "dont_redirect": self.source.dont_redirect}
        refusal = None
        for number, url in enumerate(self.source.urls):
            try:
                self.given.append((await self.get(url, meta=dict(meta))).status)
            except SourceError as error:
                self.given.append(str(error))
                refusal = error
            yield Heard(cursor={"number": number}, seen=1)
        if refusal:
            raise refusal


def _without_spiders(settings: Settings) -> Settings:
    settings.set("SPIDER_MODULES", [], priority="cmdline")
    return settings


def main() -> None:
    asked = json.load(sys.stdin)
    home = Path(asked["home"])
    keys = Keyring(home / "keys")
    spool = Spool(home / "spool.sqlite")
    crawl = Crawl(spool, Border(keys, OptOuts(home / "opt-outs", keys)), contact="https://example.org/contact")
    # Only this spider: the others need not be read.
    crawlers.run.platforms = lambda: {"walk": Walk}
    settings = crawlers.run.settings
    crawlers.run.settings = lambda contact: _without_spiders(settings(contact))
    spiders: dict[str, Walk] = {}
    init = Walk.__init__

    def noted(self: Walk, *args: object, **kwargs: object) -> None:
        init(self, *args, **kwargs)
        spiders[self.name] = self

    Walk.__init__ = noted
    outcomes = crawlers.run.run(crawl, [WalkSource(platform="walk", **keys) for keys in asked["sources"]])
    since = datetime.now(UTC) - timedelta(hours=2)
    told = {
        one.name: {
            "given": spiders[one.name].given,
            "error": one.error,
            "counts": spool.journal.counts(one.name, since),
            "spent": spool.journal.spent(one.name, datetime.now(UTC).date()),
        }
        for one in outcomes
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
