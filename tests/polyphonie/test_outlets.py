"""Outlets: the table says what its source says, and an address finds the outlet that published it."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import tldextract

from polyphonie.intake import Border
from polyphonie.native import NativePost
from polyphonie.outlets import Outlet, Outlets, known_outlets, outlet_of
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.records import Kind, Link
from polyphonie.scrubbing import PERSONAL_SITES

SOURCE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "outlets" / "medias.csv"
# Pages of an outlet at somebody else's: their addresses name accounts.
PLATFORMS = PERSONAL_SITES | {"dailymotion.com", "netvibes.com", "plus.google.com", "soundcloud.com"}
# Numbers of the sites that bear a person's name though the source does not say that one person runs them.
NAMED = {"99", "101", "175"}

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # the list inside the package: no network


def place(prefix):
    """Domain and path of a prefix of the source; "" for a platform's page or a typing error ("20minutes.f")."""
    parts = urlsplit(prefix)
    host = (parts.hostname or "").removeprefix("www.")
    if any(f".{host}".endswith(f".{site}") for site in PLATFORMS) or ".blogspot." in host:
        return ""
    if not suffixes(host).top_domain_under_public_suffix:
        return ""
    return host + unquote(parts.path).rstrip("/")


def told():
    """slug -> keys, as the source says it."""
    with SOURCE.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["edito"] != "individu" and row["webentity_id"] not in NAMED]
    outlets = {}
    for row in rows:
        found = {place(prefix) for prefix in row["prefixes"].split("|")} - {""}
        if not found:
            continue  # it lives on a platform only
        places = sorted(found - {one for one in found if "/" in one and one.partition("/")[0] in found})
        home = place(row["home_page"])
        main = next((one for one in (home, home.partition("/")[0]) if one in places), places[0])
        keys = {"name": row["name"], "category": row["wheel_category"], "subcategory": row["wheel_subcategory"]}
        keys |= {"inactive": row["inactive"] == "true", "parody": row["parody"] == "true"}
        outlets[main.casefold().replace("/", ":")] = {k: v for k, v in keys.items() if v} | {"at": places}
    return outlets


@pytest.mark.skipif(not SOURCE.exists(), reason="no table of French media (medias.csv) beside this checkout")
def test_the_table_says_what_its_source_says():
    listed = {slug: outlet.model_dump(exclude={"slug"}) for slug, outlet in known_outlets().items()}
    expected = {
        slug: Outlet(slug=slug, **(keys | {"at": tuple(keys["at"])})).model_dump(exclude={"slug"})
        for slug, keys in told().items()
    }
    assert listed == expected


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://www.lemonde.fr/politique/article/2026/11/01/titre_1.html", "lemonde.fr"),
        ("https://www.lemonde.fr/blogs/untel", "lemonde.fr:blogs"),  # the longest place wins
        ("https://www.lemonde.fr/blogsphere", "lemonde.fr"),  # a step of the path is whole
        ("HTTP://ABONNES.LeMonde.fr./", "lemonde.fr"),
        ("https://rmc.bfmtv.com/actualites", "rmc.bfmtv.com"),
        ("https://www.bfmtv.com:443/economie?utm_source=x", "bfmtv.com"),
        ("https://actu.fr/La-Presse-de-la-Manche/une-ville", "actu.fr:la-presse-de-la-manche"),
        ("https://www.vice.com/fr/article/x", "vice.com:fr"),
        ("https://www.vice.com/en/article/x", None),
        ("https://notlemonde.fr/x", None),
        ("https://lemonde.fr.exemple.org/x", None),
        ("https://exemple.org/https://www.lemonde.fr/x", None),
        ("https://twitter.com/lemondefr", None),
        ("lemonde.fr/x", None),
        ("https://[lemonde.fr/x", None),
        ("", None),
    ],
)
def test_an_address_finds_its_outlet(url, slug):
    found = outlet_of(url)
    assert (found.slug if found else None) == slug


def test_the_wheel_is_whole():
    kinds = {(one.category, one.subcategory) for one in known_outlets().values()}
    assert ("Mainstream Media", "Hyper-centre") in kinds
    assert ("", "") in kinds  # the study does not place every outlet
    assert all(bool(category) == bool(subcategory) for category, subcategory in kinds)


def test_a_lookup_costs_the_same_whatever_the_table():
    asked = []

    class Counting(dict):
        def get(self, key, default=None):
            asked.append(key)
            return super().get(key, default)

    few, many = (Outlets(Outlet(slug="a.fr", name="A", at=(f"a{n}.fr/b",)) for n in range(size)) for size in (1, 5_000))
    for table in (few, many):
        table._at = Counting(table._at)
        table.of("https://www.exemple.fr/b/c/d/e/f")
    assert len(asked) == 2 * 4  # two hosts, with one step of the path and without


def test_links_of_messages_are_matched_to_outlets(tmp_path):
    keys = Keyring(tmp_path / "keys")
    border = Border(keys, OptOuts(tmp_path / "opt-outs", keys))
    native = NativePost(
        source="mastodon",
        uri="https://serveur.test/1",
        kind=Kind.POST,
        text="À lire",
        created_at=NOW,
        urls=("https://www.lemonde.fr/blogs/x?xtor=RSS-1", "https://exemple.org/y", "https://twitter.com/lemondefr"),
    )
    assert border.admit(native, NOW).post.links == (
        Link(domain="lemonde.fr", url="https://lemonde.fr/blogs/x", outlet="lemonde.fr:blogs"),
        Link(domain="exemple.org", url="https://exemple.org/y"),
    )


def test_an_envelope_kept_before_links_had_outlets_is_read():
    old = Link.model_validate_json('{"domain": "lemonde.fr", "url": "https://lemonde.fr/x"}')
    assert old.outlet is None
