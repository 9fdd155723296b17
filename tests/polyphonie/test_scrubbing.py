"""Nothing that names a person survives scrubbing, and ordinary French does."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyphonie.scrubbing import GONE, link, scrub


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@paul.martin Oui, la cantine gratuite !", "Oui, la cantine gratuite !"),
        ("D'accord avec @paul@piaille.example sur ce point", f"D'accord avec {GONE} sur ce point"),
        ("Écrivez à jeanne.d+ici@exemple.example, vite", f"Écrivez à {GONE}, vite"),
        ("Voilà : jeanne [at] exemple [dot] example", f"Voilà : {GONE}"),
        ("Voilà jeanne(arobase)exemple.example", f"Voilà {GONE}"),
        ("Mon numéro : 06 12 34 56 78.", f"Mon numéro : {GONE}."),
        ("Appelez le +33 (0)6.12.34.56.78", f"Appelez le {GONE}"),
        ("Sécu 2 84 05 75 123 456 78 perdue", f"Sécu {GONE} perdue"),
        ("Voir https://bsky.app/profile/paul.example/post/3k ici", "Voir ici"),
        ("Bravo ＠paul et @p\u200baul", f"Bravo {GONE} et {GONE}"),
        ("Le 49.3, 2 500 000 € et 110 km/h en 2026", "Le 49.3, 2 500 000 € et 110 km/h en 2026"),
        ("50 % contre 1 200 voix, 12/03/2026 à 20h30", "50 % contre 1 200 voix, 12/03/2026 à 20h30"),
        ("budget : 10 000 000 000 d'euros", "budget : 10 000 000 000 d'euros"),
        ("un e-mail, l'arobase @ seul", "un e-mail, l'arobase @ seul"),
        ("#RetraiteÀ60ans oui", "#RetraiteÀ60ans oui"),
    ],
)
def test_scrub(text, expected):
    assert scrub(text) == expected


def test_names_of_the_payload_go_wherever_they_stand():
    text = "Merci Zélie Quenneville ! zélie quenneville a raison, signé Z. Quenneville."
    assert scrub(text, names=["Zélie Quenneville"]) == f"Merci {GONE} ! {GONE} a raison, signé Z. Quenneville."


def test_the_signed_list_keeps_its_mentions():
    assert scrub("@Ministere et @paul", figures=["ministere"]) == f"@Ministere et {GONE}"


handles = st.text(string.ascii_letters + string.digits + "_", min_size=3, max_size=20)
domains = st.builds(
    "{}.{}".format, st.text(string.ascii_lowercase, min_size=3, max_size=12), st.sampled_from(["fr", "example"])
)
prose = st.lists(
    st.sampled_from("la loi doit changer vite, et bien ; pourquoi ? « non » l'école".split()), max_size=6
).map(" ".join)


@given(prose, handles, prose)
def test_no_mention_survives(before, handle, after):
    assert f"@{handle}" not in scrub(f"{before} @{handle} {after}")


@given(prose, handles, domains, prose)
def test_no_address_survives(before, handle, domain, after):
    scrubbed = scrub(f"{before} {handle}@{domain} {after} https://{domain}/@{handle}")
    assert f"{handle}@" not in scrubbed
    assert f"@{handle}" not in scrubbed
    assert "http" not in scrubbed


@given(prose, st.from_regex(r"\A0[1-9]([ .-]?[0-9]{2}){4}\Z"), prose)
def test_no_french_telephone_survives(before, number, after):
    assert number not in scrub(f"{before} {number} {after}")


@given(st.text(max_size=300))
def test_scrubbing_twice_changes_nothing_more(text):
    once = scrub(text)
    assert scrub(once) == once


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.journal.example/article?utm_source=x&id=3#top", "https://journal.example/article?id=3"),
        ("http://m.journal.example/a/", "http://journal.example/a"),
        ("https://x.com/paul/status/1", None),
        ("https://social.example/@paul/123", None),
        ("https://forum.example/users/paul", None),
        ("https://paul:secret@journal.example/", None),
        ("mailto:paul@journal.example", None),
        ("https://[broken", None),
        ("ftp://journal.example/x", None),
    ],
)
def test_link(url, expected):
    found = link(url)
    assert (found.url if found else None) == expected
