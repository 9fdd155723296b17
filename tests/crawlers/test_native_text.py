"""Plain text, addresses and instants, whatever the platform."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crawlers.moments import instant, instant_of_uuid
from crawlers.text import addresses, plain_text, tidy
from polyphonie.errors import PayloadError


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("<p>Oui&nbsp;!</p><p>Et<br />non.</p>", "Oui !\nEt\nnon."),
        ("si a < b et c > d", "si a < b et c > d"),  # no tag: left alone
        ("prix <3 pour tous", "prix <3 pour tous"),
        ("<script>alert(1)</script><b>Gras</b>", "Gras"),
        ("l&#39;&eacute;cole &amp; la rue", "l'école & la rue"),
        ("AT&T; fin", "AT&T; fin"),
        ("e\u0301cole", "école"),  # NFC
        ("un  \u00a0 deux\r\n\r\n\r\n\r\ntrois\x00", "un deux\n\ntrois"),
    ],
)
def test_plain_text(sent, expected):
    assert plain_text(sent) == expected


def test_what_looks_like_html_in_a_plain_text_stays():
    assert tidy("écrire <b> et &amp;") == "écrire <b> et &amp;"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("voir (https://exemple.fr/a), puis https://exemple.fr/b.", ("https://exemple.fr/a", "https://exemple.fr/b")),
        (
            '<p><a href="https://exemple.fr/x">lien</a> <a class="u-url mention" href="https://m.test/@a">@a</a></p>',
            ("https://exemple.fr/x",),
        ),
        ('<a rel="tag" class="mention hashtag" href="https://m.test/tags/rua">#rua</a>', ()),
        ("rien", ()),
    ],
)
def test_addresses(text, expected):
    assert addresses(text) == expected


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "pattern", "zone", "expected"),
    [
        ("20/11/2019 09:53", "%d/%m/%Y %H:%M", PARIS, datetime(2019, 11, 20, 8, 53, tzinfo=UTC)),
        ("07/10/2019 15:47", "%d/%m/%Y %H:%M", PARIS, datetime(2019, 10, 7, 13, 47, tzinfo=UTC)),  # summer
        ("2024-03-01 10:00:00 UTC", "iso", None, datetime(2024, 3, 1, 10, tzinfo=UTC)),
        ("2024-03-01T10:00:00Z", "iso", PARIS, datetime(2024, 3, 1, 10, tzinfo=UTC)),  # its own zone wins
        ("1700000000", "epoch", None, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000000", "epoch_ms", None, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ],
)
def test_instant(text, pattern, zone, expected):
    assert instant(text, pattern, zone) == expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", "iso"),
        ("hier", "iso"),
        ("2024-03-01", "iso"),
        ("9e99", "epoch"),
        ("nan", "epoch"),
        ("0001-01-01T00:00:00+14:00", "iso"),
    ],
)
def test_a_date_that_says_no_instant_is_refused_without_being_quoted(text, pattern):
    with pytest.raises(PayloadError) as refused:
        instant(text, pattern)
    assert not text or text not in str(refused.value)


def test_the_clock_of_an_identifier():
    # The example of RFC 9562, appendix A.1.
    made = instant_of_uuid("C232AB00-9414-11EC-B3C8-9F6BDECED846")
    assert made is not None
    assert made.isoformat() == "2022-02-22T19:22:22+00:00"
    assert instant_of_uuid("919108f7-52d1-4320-9bac-f847db4148a8") is None  # version 4 has no clock
    assert instant_of_uuid("not an identifier") is None
