"""Files: told from their content, read in flat memory, resumed where they stopped."""

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from crawlers.files import detect, read, reread
from polyphonie.errors import InputError
from polyphonie.native import NativePost, NativeProposal

PROPOSAL = "11111111-e908-11e9-adee-0242ac110003"
ARGUMENT = "22222222-e908-11e9-adee-0242ac110003"
COLUMNS = (
    "type contributions_id contributions_author_id contributions_section_title contributions_title "
    "contributions_bodyText contributions_createdAt contributions_updatedAt contributions_url contributions_published "
    "contributions_votes_id contributions_votes_related_id contributions_votes_author_id contributions_votes_value "
    "contributions_votes_createdAt contributions_arguments_related_id contributions_arguments_id "
    "contributions_arguments_author_id contributions_arguments_type contributions_arguments_body "
    "contributions_arguments_createdAt contributions_arguments_updatedAt contributions_arguments_url "
    "contributions_arguments_published contributions_reportings_id"
).split()
NOON = "07/10/2019 12:00"


def line(**cells):
    short = {column.removeprefix("contributions_"): column for column in COLUMNS}
    row = {short[name]: cell for name, cell in cells.items()}
    return ";".join(row.get(column, "") for column in COLUMNS) + "\r\n"


def opinion(**changed):
    cells = {"id": PROPOSAL, "title": "Bus gratuits", "bodyText": "Partout.", "createdAt": NOON, "published": "1"}
    return line(type="opinion", **(cells | changed))


def argument(number=2, body='"Oui ;\r\noui."'):
    return line(
        type="argument", arguments_id=ARGUMENT.replace("2222", f"{number:04}"), arguments_related_id=PROPOSAL,
        arguments_type="FOR", arguments_body=body, arguments_createdAt=NOON, arguments_published="1",
    )  # fmt: skip


def vote(number, value="YES"):
    return line(
        type="vote", votes_id=f"Vote{number:05}", votes_related_id=PROPOSAL, votes_author_id=f"Auteur{number:05}",
        votes_value=value, votes_createdAt=NOON,
    )  # fmt: skip


HEADER = ";".join(COLUMNS) + "\r\n"
CAPCOLLECTIF = HEADER + opinion() + vote(1) + argument() + vote(2, "OUI") + line(type="reportings") + vote(3)
SITE = "https://jeparticipe.exemple.fr/f/3/proposals"
DECIDIM_PROPOSALS = (
    "id;title/fr;body/fr;state;published_at;url\n"
    f'7;Bus;"Partout.\nEt vite.";accepted;2024-03-01 10:00:00 UTC;{SITE}/7\n'
    f"8;Trains;Non;withdrawn;2024-03-01 10:00:00 UTC;{SITE}/8\n"
    f"9;;Non;;2024-03-01 10:00:00 UTC;{SITE}/9\n"
)
DECIDIM_COMMENTS = (
    "id;created_at;body;locale;author/id;author/name;alignment;depth;commentable_id;commentable_type;root_commentable_url\n"
    f"1;2024-03-02 10:00:00 UTC;Oui;fr;4;Alix Dupont;1;0;7;Decidim::Proposals::Proposal;{SITE}/7\n"
    f"2;2024-03-02 10:00:00 UTC;Non;fr;5;Alix Dupont;0;1;1;Decidim::Comments::Comment;{SITE}/7\n"
)
USERS = "id;name;nickname\n4;Alix Dupont;alix\n"
MAPPING = "source: essai\nid: n\ntext: t\ndate: {column: d, zone: Europe/Paris}\n"


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"hote-open-data-{name}.csv", content)
    return buffer.getvalue()


def workbook():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


ZIP = zipped(proposal_comments=DECIDIM_COMMENTS, proposals=DECIDIM_PROPOSALS, users=USERS)
CSV = "n,t,d\n" + "".join(f'{n},"texte\n{n}",2024-03-01\n' for n in range(5)) + "9,cut\n"
JSONL = "".join(json.dumps({"n": n, "t": "x", "d": "2024-03-01"}) + "\n" for n in range(5)) + "{]\n"
KINDS = {"capcollectif": CAPCOLLECTIF.encode(), "decidim": ZIP, "csv": CSV.encode(), "jsonl": JSONL.encode()}


@pytest.fixture
def given(tmp_path):
    """A file of this content and, where needed, its mapping."""

    def make(kind, content=None):
        path, mapping = tmp_path / f"fichier-{kind}", tmp_path / "mapping.yaml"
        path.write_bytes(KINDS[kind] if content is None else content)
        mapping.write_text(MAPPING)
        return path, mapping if kind in ("csv", "jsonl") else None

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_import_goes_on_where_it_stopped(given, kind):
    path, mapping = given(kind)
    rows = list(read(path, None, mapping))
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for place, row in enumerate(rows):
        stored = json.loads(json.dumps(row.cursor))
        assert list(read(path, stored, mapping)) == rows[place + 1 :]
        assert reread(path, row.number, mapping) == row


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_changed_is_read_from_its_beginning(given, kind):
    path, mapping = given(kind)
    rows = list(read(path, None, mapping))
    stale = rows[1].cursor | {"file": "another"}
    assert list(read(path, stale, mapping)) == rows


def test_a_file_corrected_in_its_middle_is_another_file(given):
    long = HEADER + "".join(map(vote, range(3_000)))
    path, _ = given("capcollectif", long.encode())
    was = detect(path).fingerprint
    path.write_bytes(long.replace("Vote01500;", "Vote91500;").encode())
    assert path.stat().st_size == len(long)
    assert detect(path).fingerprint != was


def test_what_was_detected_is_read_without_a_second_hash(given, monkeypatch):
    path, mapping = given("csv")
    rows, export = list(read(path, None, mapping)), detect(path, mapping)
    monkeypatch.setattr("crawlers.files._fingerprint", None)
    assert list(read(export)) == rows
    assert list(read(export, rows[2].cursor)) == rows[3:]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "capcollectif",
            ["imported", "imported", "imported", "value: literal error", "type not kept: reportings", "imported"],
        ),
        ("decidim", ["imported", "imported", "a proposal without a title", "imported", "imported"]),
        ("csv", ["imported"] * 5 + ["cut short"]),
        ("jsonl", ["imported"] * 5 + ["not JSON"]),
    ],
)
def test_every_row_is_accounted_for(given, kind, expected):
    path, mapping = given(kind)
    assert [row.reason or row.outcome for row in read(path, None, mapping)] == expected


def test_proposals_of_a_zip_come_before_their_comments_and_users_are_not_read(given):
    path, _ = given("decidim")
    assert [table.member for table in detect(path).tables] == [
        "hote-open-data-proposals.csv", "hote-open-data-proposal_comments.csv",
    ]  # fmt: skip
    rows = list(read(path))
    assert isinstance(rows[0].natives[0], NativeProposal)
    assert "Dupont" not in repr(rows)


@pytest.mark.parametrize("content", [DECIDIM_PROPOSALS, DECIDIM_COMMENTS])
def test_a_member_of_the_zip_can_be_given_alone(given, content):
    path, _ = given("decidim", content.encode())
    assert detect(path).format == "decidim"
    assert all(row.outcome == "imported" for row in list(read(path))[:2])


def test_a_cut_row_of_cap_collectif_is_repaired_and_swallows_nothing(given):
    cut = argument(5).encode().split(b"\r\noui")[0]  # inside its quotes
    path, _ = given("capcollectif", (HEADER + opinion()).encode() + cut + b"\r\n" + (vote(1) + argument(6)).encode())
    rows = list(read(path))
    assert [row.outcome for row in rows] == ["imported", "repaired", "imported", "imported"]
    assert rows[1].reason == "quotes that do not match, cut short: date taken from the identifier"
    post = rows[1].natives[0]
    assert isinstance(post, NativePost)
    assert post.text == "Oui ;"


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=60, deadline=None)
def test_a_row_cut_anywhere_loses_no_other(tmp_path_factory, data):
    lines = [opinion(), vote(1), argument(2), vote(2), argument(3, "Non."), argument(4), vote(3)]
    hurt = data.draw(st.integers(0, len(lines) - 1))
    kept = data.draw(st.integers(1, len(lines[hurt]) - 3))
    path = tmp_path_factory.getbasetemp() / "cut.csv"

    def natives(rows):
        path.write_text(HEADER + "".join(rows), encoding="utf-8", newline="")
        return [native for row in read(path) for native in row.natives]

    whole = natives(lines)
    cut = natives([*lines[:hurt], lines[hurt][:kept] + "\r\n", *lines[hurt + 1 :]])
    assert [native for native in whole if native is not whole[hurt] and native not in cut] == []
    assert len(cut) in (len(whole) - 1, len(whole))  # the cut one is quarantined, or repaired


def test_a_cut_last_line(given):
    path, _ = given("capcollectif", CAPCOLLECTIF.encode()[:-60])
    rows = list(read(path))
    assert (len(rows), rows[-1].outcome) == (6, "quarantined")


def test_a_row_written_in_another_encoding_is_repaired(given):
    path, _ = given("capcollectif", (HEADER + opinion(title="Été")).encode("cp1252"))
    (row,) = read(path)
    assert (row.outcome, row.reason, row.natives[0].title) == ("repaired", "not utf-8, read as Windows-1252", "Été")


def test_a_byte_order_mark_and_blank_lines(given):
    path, _ = given("capcollectif", b"\xef\xbb\xbf" + CAPCOLLECTIF.replace("\r\nvote", "\r\n\r\nvote").encode())
    rows = list(read(path))
    assert len(rows) == 6
    assert list(read(path, rows[2].cursor)) == rows[3:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (ZIP[:-200], "a damaged zip; download it again"),
        (zipped(users=USERS), "a zip without proposals or comments of Decidim"),
        (workbook(), "a spreadsheet; save it as CSV"),
        (CAPCOLLECTIF.encode("utf-16"), "encoded in UTF-16; save it again as UTF-8"),
        (b"date;texte\n1;2\n", r"\(columns: date, texte\); write a mapping of its columns .* --mapping"),
        (b"\x00\x01\x02\x03", "write a mapping"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_in_one_line(given, content, message):
    path, _ = given("capcollectif", content)
    with pytest.raises(InputError, match=message) as refused:
        list(read(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        detect(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="a folder; give the files inside it"):
        detect(tmp_path)


def test_a_damaged_member_is_said_while_reading(given):
    content = bytearray(zipped(proposals=DECIDIM_PROPOSALS + "x" * 200_000))
    middle = content.index(b"proposals.csv") + 120
    content[middle : middle + 40] = b"\xff" * 40
    path, _ = given("decidim", bytes(content))
    with pytest.raises(InputError, match="a damaged zip"):
        list(read(path))


def test_a_row_that_is_not_there(given):
    path, mapping = given("csv")
    for number in (0, 7):
        with pytest.raises(InputError, match=f"no row {number}"):
            reread(path, number, mapping)


@pytest.mark.parametrize("kind", ["plain", "zip"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    def peak(count):
        path = Path(tmp_path / f"{count}")
        if kind == "plain":
            path.write_text(HEADER + "".join(map(vote, range(count))), newline="")
        else:
            header, comment, _ = DECIDIM_COMMENTS.splitlines(keepends=True)
            path.write_bytes(zipped(proposal_comments=header + comment * count))
        tracemalloc.start()
        try:
            assert sum(row.outcome == "imported" for row in read(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # caches fill
    assert peak(4_000) - peak(1_000) < 100_000  # bytes; three thousand rows kept would take millions
