"""Files that a mapping describes."""

import json
from pathlib import Path

import pytest
import yaml

from crawlers.files import detect, read
from crawlers.generic.mapping import Mapping, load
from polyphonie.errors import ConfigurationError, InputError
from polyphonie.native import NativeDeletion, NativePost, NativeProposal, NativeVote
from polyphonie.records import Kind, Stance

EXAMPLES = Path(__file__).resolve().parents[2] / "configs" / "mappings"
README = Path(__file__).resolve().parents[2] / "crawlers" / "generic" / "README.md"
SMALL = {"source": "essai", "id": "n", "text": "t", "date": {"column": "d", "zone": "Europe/Paris"}}


@pytest.fixture
def imported(tmp_path):
    """Rows of a file with this content, under this mapping."""

    def run(content, mapping, name="essai.csv"):
        path, described = tmp_path / name, tmp_path / "mapping.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        described.write_text(yaml.safe_dump(mapping), encoding="utf-8")
        return list(read(path, None, described))

    return run


def test_the_examples_are_valid_and_every_key_is_documented():
    assert [load(path).source for path in sorted(EXAMPLES.glob("*.yaml"))] == ["forum", "reseau", "vote-en-ligne"]
    documented = README.read_text(encoding="utf-8")
    assert [key for key in Mapping.model_fields if f"`{key}`" not in documented] == []


def test_a_forum(imported):
    content = (
        "message_id;message;posted;member_id;member_name;topic_id;side;answers\n"
        'm1;"<p>Oui&nbsp;!</p>";01/03/2024 10:00;u1;Alix Dupont;bus;pour;\n'
        "m2;Non.;01/07/2024 10:00;u2;Camille Untel;bus;contre;m1\n"
        "m3;Bof.;01/07/2024 10:00;u3;Camille Untel;bus;joker;\n"
    )
    rows = imported(content, yaml.safe_load((EXAMPLES / "forum.yaml").read_text(encoding="utf-8")))
    first, second = rows[0].natives[0], rows[1].natives[0]
    assert isinstance(first, NativePost)
    assert isinstance(second, NativePost)
    assert (first.text, first.stance, first.proposal, first.kind) == ("Oui !", Stance.FAVOUR, "bus", Kind.ARGUMENT)
    assert (first.created_at.hour, second.created_at.hour) == (9, 8)
    assert (first.names, second.reply_to, second.trust_date) == (("Alix Dupont",), "m1", True)
    assert (rows[2].outcome, rows[2].reason) == ("quarantined", "stance: a value that the mapping does not name")
    assert "Dupont" not in repr(rows)


def test_votes(imported):
    content = "vote_id,date,voter,proposal,vote\nv1,2024-03-01T10:00,u1,bus,-1\nv2,2024-03-01T10:00,u2,,1\n"
    rows = imported(content, yaml.safe_load((EXAMPLES / "votes.yaml").read_text(encoding="utf-8")))
    (vote,) = rows[0].natives
    assert isinstance(vote, NativeVote)
    assert (vote.stance, vote.proposal) == (Stance.AGAINST, "bus")
    assert rows[1].reason == "a vote without its proposal or its side"


def test_posts_of_a_network(imported):
    objects = [
        {
            "type": "original",
            "id": 1,
            "content": "a",
            "created": 1700000000,
            "user": {"id": 5, "login": "x"},
            "lang": "fr",
            "links": ["https://exemple.fr"],
            "tags": ["Bus"],
        },
        {
            "type": "share",
            "id": 2,
            "content": "",
            "created": 1700000000,
            "user": {"id": 6},
            "parent": {"id": 1},
            "lang": "fr",
        },
        {
            "type": "comment",
            "id": 3,
            "content": "b",
            "created": 1700000000,
            "user": {"id": 6},
            "parent": {"id": 1},
            "lang": "en",
        },
        {"type": "share", "id": 4, "created": 1700000000, "lang": "fr"},
        {"type": "original", "id": 5, "content": ["a"], "created": 1700000000, "lang": "fr"},
    ]
    content = "\n".join(map(json.dumps, objects))
    rows = imported(content, yaml.safe_load((EXAMPLES / "posts.yaml").read_text(encoding="utf-8")), "a.jsonl")
    assert [(row.outcome, row.reason) for row in rows] == [
        ("imported", ""),
        ("imported", ""),
        ("quarantined", "language not kept"),
        ("quarantined", "a repost without a parent"),
        ("quarantined", "a list or an object where a text is expected"),
    ]
    post, repost = rows[0].natives[0], rows[1].natives[0]
    assert isinstance(post, NativePost)
    assert isinstance(repost, NativePost)
    assert (post.author, post.handle, post.urls, post.hashtags) == ("5", "x", ("https://exemple.fr",), ("Bus",))
    assert (repost.kind, repost.repost_of, repost.text) == (Kind.REPOST, "1", "")


@pytest.mark.parametrize(
    ("kind", "expected"), [("proposal", NativeProposal), ("deletion", NativeDeletion), ("reply", NativePost)]
)
def test_kinds(imported, kind, expected):
    (row,) = imported("n,t,d\n1,Texte,2024-03-01\n", SMALL | {"kind": kind, "title": "t"})
    assert isinstance(row.natives[0], expected)


def test_a_proposal_gives_the_names_to_wipe_from_it(imported):
    (row,) = imported(
        "n,t,d,a\n1,Bus,2024-03-01,Alix Dupont\n", SMALL | {"kind": "proposal", "title": "t", "names": ["a"]}
    )
    (native,) = row.natives
    assert isinstance(native, NativeProposal)
    assert native.names == ("Alix Dupont",)
    assert "Dupont" not in repr(row)


@pytest.mark.parametrize(
    ("content", "outcome", "text"),
    [
        ("n,t,d\n1,e\u0301te\u0301,2024-03-01\n".encode(), "imported", "été"),
        (b"\xef\xbb\xbf" + "n,t,d\n1,été,2024-03-01\n".encode(), "imported", "été"),
        ("n,t,d\n1,été,2024-03-01\n".encode("cp1252"), "repaired", "été"),
        ("n\tt\td\n1\tété\t2024-03-01\n".encode(), "imported", "été"),
    ],
)
def test_encodings_and_delimiters(imported, content, outcome, text):
    (row,) = imported(content, SMALL)
    assert (row.outcome, row.natives[0].text) == (outcome, text)


def test_a_declared_encoding_repairs_nothing(imported):
    (row,) = imported("n,t,d\n1,été,2024-03-01\n".encode("cp1252"), SMALL | {"encoding": "cp1252"})
    assert (row.outcome, row.natives[0].text) == ("imported", "été")


def test_a_cut_row_is_quarantined_and_the_next_one_read(imported):
    rows = imported("n,t,d\n1,moi\n2,toi,2024-03-01\n3,lui,2024-03-01,x\n", SMALL)
    assert [row.reason for row in rows] == ["cut short", "", "more cells than columns"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (SMALL | {"autor": "a"}, "unknown key 'autor'; did you mean 'author'?"),
        (SMALL | {"date": {"column": "d", "zon": "x"}}, "unknown key 'date.zon'; did you mean 'zone'?"),
        (SMALL | {"date": {"column": "d", "zone": "Europe/Pariss"}}, "'Europe/Pariss' is no time zone"),
        (SMALL | {"stance": {"column": "s", "values": {"pour": "for"}}}, "'for' is none of against, favour, unclear"),
        (SMALL | {"kind": "message"}, "kind"),
        ({"id": "n"}, "source: Field required"),
    ],
)
def test_a_wrong_mapping_names_its_key(imported, mapping, message):
    with pytest.raises(ConfigurationError, match=r"mapping\.yaml: ") as refused:
        imported("n,t,d\n", mapping)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_column_names_those_of_the_file(imported):
    with pytest.raises(InputError, match=r"no column auteur; the mapping names it, the file has n, t, d"):
        imported("n,t,d\n1,a,2024-03-01\n", SMALL | {"author": "auteur"})
    with pytest.raises(InputError, match=r"no column auteur; the mapping names it, the file has n, t, d"):
        imported('{"n": 1, "t": "a", "d": "2024-03-01"}\n', SMALL | {"author": "auteur"}, "a.jsonl")


def test_yes_and_no_of_yaml_are_words(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("source: s\nid: a\ndate: d\nstance: {column: v, values: {yes: favour, no: against, 2: unclear}}\n")
    stance = load(path).stance
    assert stance is not None
    assert stance.values == {"yes": "favour", "no": "against", "2": "unclear"}


def test_detect_tells_what_a_described_file_is(tmp_path):
    path, mapping = tmp_path / "a.txt", tmp_path / "m.yaml"
    path.write_text('{"n": 1, "t": "a", "d": "2024-03-01"}\n')
    mapping.write_text(yaml.safe_dump(SMALL))
    reader = detect(path, mapping)
    assert (reader.format, reader.tables[0].columns) == ("generic", ())
