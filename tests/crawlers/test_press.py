"""Press: what is made of feeds, in the shapes and with the faults that publishers send them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from feedgen.feed import FeedGenerator
from pydantic import ValidationError

from crawlers.press.memory import MOST_SEEN, Memory
from crawlers.press.parse import LONGEST_TITLE, parse
from crawlers.press.payload import charset, read_feed
from crawlers.press.spider import PressSource
from polyphonie.errors import PayloadError
from polyphonie.intake import Border
from polyphonie.native import NativePost
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.records import Kind
from tests.servers.feeds import item, rss

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EIGHT = datetime(2026, 11, 22, 7, tzinfo=UTC)  # eight o'clock in Paris
ADDRESS = "https://www.journal.test/rss.xml"


def read(body, content_type="application/rss+xml", **changed):
    how = {"host": "journal.test", "publisher": "", "zone": ZoneInfo("Europe/Paris"), "now": NOW} | changed
    return list(parse(read_feed(body, content_type, ADDRESS), **how))


def generated(shape):
    feed = FeedGenerator()
    feed.id("https://www.journal.test/")
    feed.title("Le Journal")
    feed.link(href="https://www.journal.test/")
    feed.description("Toute l'actualité")
    entry = feed.add_entry()
    entry.id("https://www.journal.test/article-1")
    entry.title("Retraites : l'âge légal en débat")
    entry.link(href="https://www.journal.test/article-1")
    entry.summary("resume-secret")
    entry.content("corps-secret")
    entry.author(name="Camille Invente", email="camille@journal.test")
    entry.published(EIGHT)
    entry.updated(EIGHT)
    return feed.rss_str() if shape == "rss" else feed.atom_str()


RDF = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://www.journal.test/"><title>Le Journal</title></channel>
<item rdf:about="https://www.journal.test/article-1"><title>Retraites : l'âge légal en débat</title>
<link>https://www.journal.test/article-1</link><dc:date>2026-11-22T08:00:00+01:00</dc:date>
<dc:creator>Camille Invente</dc:creator><description>resume-secret</description></item></rdf:RDF>"""


@pytest.mark.parametrize("body", [generated("rss"), generated("atom"), RDF.encode()], ids=["rss", "atom", "rdf"])
def test_every_shape_gives_the_same_post(body):
    (post,) = read(body)
    assert (post.source, post.kind, post.text, post.title) == (
        "press",
        Kind.POST,
        "Retraites : l'âge légal en débat",
        "",
    )
    assert (post.uri, post.urls) == ("https://www.journal.test/article-1", ("https://www.journal.test/article-1",))
    assert (post.created_at, post.flags) == (EIGHT, ())
    assert post.author == "https://journal.test"
    assert "Camille Invente" in post.names
    every = str({name: getattr(post, name) for name in post.__dataclass_fields__})
    assert "secret" not in every


def test_the_author_of_an_article_never_hides_its_address(tmp_path):
    # The border wipes authors from addresses: a bare domain, or a newsroom's byline, would wipe every one of them.
    keys = Keyring(tmp_path / "keys")
    border = Border(keys, OptOuts(tmp_path / "out", keys))
    by = "<dc:creator>{}</dc:creator>"
    people, newsroom, agency = (
        border.admit(post, NOW).post
        for post in read(
            rss(
                item(1, "Un entretien de Camille Invente", more=by.format("Camille Invente et Sacha Fictif")),
                item(2, "Le Journal lance une enquête, Une Ministre répond", more=by.format("Le Journal")),
                item(3, "Grève : le point avec l'AFP", more=by.format("Le Journal avec AFP")),
            )
        )
    )
    assert people.text == "Un entretien de […]"
    # Whom a title is about is a fact of the press; it is not looked for.
    assert newsroom.text == "Le Journal lance une enquête, Une Ministre répond"
    assert agency.text == "Grève : le point avec l'AFP"
    assert [post.links[0].url for post in (people, newsroom, agency)] == [
        f"https://journal.test/article-{number}" for number in (1, 2, 3)
    ]


def test_a_publisher_may_refuse_to_be_listened_to(tmp_path):
    keys = Keyring(tmp_path / "keys")
    border = Border(keys, OptOuts(tmp_path / "out", keys))
    (post,) = read(rss(item(1, "T")))
    assert border.admit(post, NOW)
    border.opt_outs.add("press", "https://journal.test")
    assert border.admit(post, NOW) is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (rss(item(1, "L'été à Nîmes")), "text/xml"),
        (rss(item(1, "L'été à Nîmes"), encoding="latin-1"), "text/xml"),
        (rss(item(1, "L'été à Nîmes"), encoding="latin-1"), "text/xml; charset=UTF-8"),  # the server lies
        (rss(item(1, "L'été à Nîmes"), encoding="latin-1", declared="utf-8"), "application/xml"),  # the feed lies
        (rss(item(1, "L'été à Nîmes"), declared="iso-8859-1"), "text/xml; charset=ISO-8859-1"),  # both lie
        (rss(item(1, "L'été à Nîmes"), encoding="iso-8859-15"), ""),
        (rss(item(1, "L'été à Nîmes"), encoding="utf-16"), "application/xml"),
        (rss(item(1, "L'été à Nîmes"), encoding="utf-16-be", declared="utf-16"), "application/xml; charset=utf-8"),
        (b"\xef\xbb\xbf" + rss(item(1, "L'été à Nîmes")), "application/xml; charset=nonsense"),
        (rss(item(1, "L'&amp;eacute;t&#233; à N&lt;i&gt;î&lt;/i&gt;mes")), "text/html"),
    ],
)
def test_accents_arrive_whole_whatever_is_declared(body, content_type):
    assert [post.text for post in read(body, content_type)] == ["L'été à Nîmes"]


def test_windows_letters_are_told_from_latin_1():
    body = '<rss version="2.0"><channel><item><title>L’œuvre – 3 €</title><guid>1</guid></item></channel></rss>'
    assert [post.text for post in read(body.encode("cp1252"), "text/xml; charset=utf-8")] == ["L’œuvre – 3 €"]
    assert charset(b"abc", "text/xml; charset=iso-8859-1") == "utf-8"


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Sun, 22 Nov 2026 08:00:00 +0100", EIGHT),
        ("Sun, 22 Nov 2026 07:00:00 GMT", EIGHT),
        ("Sun, 22 Nov 2026 07:00:00 -0000", EIGHT),
        ("Sun, 22 Nov 2026 08:00:00", EIGHT),  # no zone: that of the source
        ("Sun, 22 Nov 2026 08:00:00 CET", EIGHT),
        ("2026-11-22T07:00:00Z", EIGHT),
        ("2026-11-22 08:00:00", EIGHT),
        ("Sun, 22 Nov 2026 13:30:00 +0100", datetime(2026, 11, 22, 12, 30, tzinfo=UTC)),  # clocks drift
        ("Mon, 22 Nov 2027 08:00:00 +0100", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("dimanche dernier", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
    ],
)
def test_a_date_that_cannot_be_true_is_now_and_flagged(date, expected):
    (post,) = read(rss(item(1, "Un titre", date=date)))
    assert (post.created_at, post.flags) == (expected or NOW, () if expected else ("impossible_date",))


def test_broken_xml_is_read_as_far_as_it_goes():
    body = rss(item(1, "Premier & dernier"), item(2, "Deuxième"))[:-60]
    feed = read_feed(body, "text/xml", ADDRESS)
    assert feed.malformed
    assert [post.text for post in read(body)] == ["Premier & dernier", "Deuxième"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "neither RSS nor Atom"),
        (b"<html><body><p>Abonnez-vous</p></body></html>", "neither RSS nor Atom"),
        (b'{"version": "https://jsonfeed.org/version/1"}', "broken XML without an entry"),
        (b"<rss version='2.0'><channel><title>T</tit", "broken XML without an entry"),
    ],
)
def test_what_is_no_feed_is_refused_with_its_reason(body, reason):
    with pytest.raises(PayloadError, match=reason):
        read_feed(body, "text/xml", ADDRESS)


def test_an_empty_feed_is_a_feed():
    assert read(rss()) == []


def test_entities_of_a_feed_are_not_expanded_without_end():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    body = f'<!DOCTYPE rss [<!ENTITY l0 "ha">{levels}]>' + rss(item(1, "a &l11; b")).decode().partition("?>")[2]
    assert all(len(post.text) < 100 for post in read(body.encode()))


def test_addresses_lose_what_tells_by_which_feed_they_came():
    link = "https://www.journal.test/a?id=3&amp;utm_source=rss&amp;at_medium=x&amp;xtor=RSS-1#xtor=RSS-3208"
    (post,) = read(rss(f"<item><title>T</title><link>{link}</link></item>"))
    assert (post.uri, post.urls) == (("https://www.journal.test/a?id=3"), ("https://www.journal.test/a?id=3",))


@pytest.mark.parametrize(
    ("inside", "uri", "author"),
    [
        ("<guid isPermaLink='false'>12</guid><link>/a</link>", "journal.test 12", "https://journal.test"),
        ("<guid>https://journal.test/?p=12</guid>", "https://journal.test/?p=12", "https://journal.test"),
        ("<guid isPermaLink='false'>tag:x,2026:1</guid>", "tag:x,2026:1", "https://journal.test"),
        ("<link>https://blog.autre.test/x</link>", "https://blog.autre.test/x", "https://blog.autre.test"),
        (
            "<guid isPermaLink='false'>12</guid><link>javascript:alert(1)</link>",
            "journal.test 12",
            "https://journal.test",
        ),
    ],
)
def test_what_an_article_is_called_and_who_publishes_it(inside, uri, author):
    (post,) = read(rss(f"<item><title>T</title>{inside}</item>"))
    assert (post.uri, post.author) == (uri, author)
    assert all(url.startswith("https://") for url in post.urls)


def test_one_publisher_may_be_said_for_the_whole_source():
    (post,) = read(rss(item(1, "T")), publisher="groupe.test")
    assert (post.author, post.uri) == ("https://groupe.test", "groupe.test journal-1")


def test_one_id_given_to_every_article_names_none():
    entries = (f"<item><title>T{n}</title><link>https://j.test/{n}</link><guid>accueil</guid></item>" for n in (1, 2))
    assert [post.uri for post in read(rss(*entries))] == ["https://j.test/1", "https://j.test/2"]


def test_titles_are_plain_and_bounded():
    texts = [
        post.text
        for post in read(
            rss(item(1, "CO&lt;sub&gt;2&lt;/sub&gt; &amp;amp; climat &lt;b&gt;!&lt;/b&gt;"), item(2, "a" * 5000))
        )
    ]
    assert texts == ["CO2 & climat !", "a" * LONGEST_TITLE]


def test_entries_without_title_or_address_are_left_out():
    bodies = ("<title> </title><guid>1</guid>", "<title>T</title>", "<description>resume-secret</description>")
    assert read(rss(*(f"<item>{body}</item>" for body in bodies))) == []


def test_unknown_fields_are_counted_and_few():
    more = "".join(f"<dc:nouveau{n}>x</dc:nouveau{n}>" for n in range(40)) + "<fragment>x</fragment>"
    unknown = read_feed(rss(item(1, "T", more=more), item(2, "T", more="<fragment>x</fragment>")), "", ADDRESS).unknown
    assert unknown["fragment"] == 2
    assert len(unknown) == 20
    assert not read_feed(generated("atom"), "", ADDRESS).unknown


def article(number, text="T"):
    return NativePost(source="press", uri=f"u{number}", kind=Kind.POST, text=text, created_at=NOW)


def test_only_what_is_new_or_reworded_comes_again():
    memory = Memory().after([article(1), article(2)])
    assert [one.uri for one in memory.fresh([article(1, "T'"), article(2), article(3)])] == ["u1", "u3"]
    kept = Memory.of(memory.kept())
    assert kept == memory
    assert len(kept.after(article(n) for n in range(10_000)).seen) == MOST_SEEN
    assert Memory.of("damaged") == Memory.of({"unknown": 1}) == Memory()


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"feeds": []}, "feeds"),
        ({"feeds": ["file:///etc/passwd"]}, "feeds"),
        ({"feeds": ["https://"]}, "feeds"),
        ({"zone": "Paris"}, "zone"),
        ({"publisher": "https://a.fr"}, "publisher"),
        ({"feed": "https://a.fr"}, "feed"),
    ],
)
def test_a_wrong_option_is_named(changed, wrong):
    options = {"name": "p", "platform": "press", "feeds": ["https://a.fr/rss"]} | changed
    with pytest.raises(ValidationError) as refused:
        PressSource.model_validate(options)
    assert refused.value.errors()[0]["loc"][0] == wrong
