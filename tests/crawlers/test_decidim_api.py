"""Decidim: what is asked of its API, and what its answers become."""

import asyncio
import io
import json
import zipfile

import pytest
from pydantic import ValidationError
from scrapy.http import Response

from crawlers.decidim import archive
from crawlers.decidim.answer import Place, proposals
from crawlers.decidim.api import Api
from crawlers.decidim.archive import held
from crawlers.decidim.parse import parse
from crawlers.decidim.question import SMALLEST_PAGE, Dialect
from crawlers.decidim.spider import DecidimSource
from crawlers.spider import SourceError
from polyphonie.errors import InputError
from polyphonie.native import NativeDeletion

HOST = "jeparticipe.exemple.fr"


def text(fr="", **others):
    return {"translations": [{"locale": one, "text": words} for one, words in {**others, "fr": fr}.items()]}


def comment(number, **changed):
    return {
        "id": number, "body": "D'accord.", "createdAt": "2026-03-02T08:30:00+01:00", "alignment": 1,
        "hasComments": False, "author": {"id": "12", "name": "Alix Dupont", "nickname": "@alix"},
    } | changed  # fmt: skip


def proposal(**changed):
    return {
        "id": "7", "title": text("Bus gratuits", en="Free buses"), "body": text("<p>Partout.</p>"),
        "publishedAt": "2026-03-01T10:00:00Z", "state": "accepted", "withdrawn": False, "url": f"https://{HOST}/p/7",
        "category": {"name": text("Mobilité")}, "scope": {"name": text("Centre")},
        "authors": [{"id": "31", "name": "Camille Untel", "nickname": "@camille_u"}, None], "comments": [],
    } | changed  # fmt: skip


def natives(node):
    return [native for one in found(node) if one.payload for native in parse(one.payload)]


def found(node):
    return list(proposals(node, "3", "ailleurs.exemple.fr"))


def test_a_proposal_is_named_as_the_open_data_names_it():
    [native] = natives(proposal())
    assert (native.uri, native.title, native.body, native.section) == (
        f"{HOST}:proposal:7", "Bus gratuits", "Partout.", "Mobilité",
    )  # fmt: skip
    assert native.author == f"{HOST}:31"
    assert native.names == ("Camille Untel", "camille_u")
    assert "Untel" not in repr(found(proposal())) + repr(native)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"title": "Bus gratuits", "body": "Partout."}, ("Bus gratuits", "Mobilité", f"{HOST}:proposal:7")),
        ({"title": text("", en="Free buses")}, ("Free buses", "Mobilité", f"{HOST}:proposal:7")),
        ({"category": None}, ("Bus gratuits", "Centre", f"{HOST}:proposal:7")),
        ({"url": None}, ("Bus gratuits", "Mobilité", "ailleurs.exemple.fr:proposal:7")),
        (
            {"publishedAt": None, "createdAt": "2026-03-01T10:00:00Z"},
            ("Bus gratuits", "Mobilité", f"{HOST}:proposal:7"),
        ),
        ({"id": 7, "category": None, "scope": None}, ("Bus gratuits", "", f"{HOST}:proposal:7")),
    ],
)
def test_versions_say_it_in_their_own_ways(changed, expected):
    [native] = natives(proposal(**changed))
    assert (native.title, native.section, native.uri) == expected


@pytest.mark.parametrize("changed", [{"withdrawn": True}, {"state": "withdrawn", "title": None}])
def test_what_is_withdrawn_is_deleted(changed):
    assert natives(proposal(**changed)) == [NativeDeletion(source="decidim", uri=f"{HOST}:proposal:7")]


def test_a_comment_that_cannot_be_read_hides_neither_its_answers_nor_the_others():
    answers = [comment("91"), comment("92", hasComments=True)]
    read = found(proposal(comments=[comment("90", body=" ", comments=answers), comment("95", alignment=4)]))
    assert [(one.place.comment, one.refused, one.depth, one.deeper) for one in read] == [
        ("", "", 0, False),
        ("90", "a comment without a text", 0, False),
        ("91", "", 1, False),
        ("92", "", 1, True),
        ("95", "alignment: neither -1, 0 nor 1", 0, False),
    ]
    assert read[2].payload.parent == "90"


def test_a_place_is_found_again_by_its_ref():
    for place in (Place("3", "7"), Place("3", "7", "90")):
        assert Place.of(place.ref) == place
        assert Place.is_ref(place.ref)
    assert not Place.is_ref("proposal:7")  # as a zip has it, where nothing can be asked by its number


@pytest.mark.parametrize(
    ("complaint", "change"),
    [
        # graphql-ruby, as a Decidim says it
        ("Field 'withdrawn' doesn't exist on type 'Proposal'", {"without": {"Proposal.withdrawn"}}),
        ("Field 'id' doesn't exist on type 'AuthorInterface' (Did you mean `x`?)", {"without": {"Author.id"}}),
        ("Selections can't be made on scalars (field 'title' returns String but has selections [translations])",
         {"plain": {"Proposal.title"}}),
        ("Field 'comments' doesn't accept argument 'singleCommentId'", {"single": False}),
        ("Query has complexity of 5300, which exceeds max complexity of 5000", {"page": 50}),
        # graphql-core
        ("Cannot query field 'alignment' on type 'Comment'.", {"without": {"Comment.alignment"}}),
        ("Field 'body' must not have a selection since type 'String' has no subfields.", {"plain": {"Proposal.body"}}),
        # Nothing to be learnt: what must be known, and what people may have written
        ("Field 'authors' doesn't exist on type 'Proposal'", {}),
        ("Field 'name' doesn't exist on type 'Author'", {}),
        ("Internal server error", {}),
    ],
)  # fmt: skip
def test_a_question_does_without_what_a_version_lacks(complaint, change):
    before = Dialect(100)
    after = before.learnt([complaint])
    assert after == Dialect(
        **({"page": 100} | {k: frozenset(v) if isinstance(v, set) else v for k, v in change.items()})
    )
    for field in after.without:
        assert after.listing().count(f" {field.partition('.')[2]} ") < before.listing().count(
            f" {field.partition('.')[2]} "
        )


def test_a_page_has_a_smallest_size():
    dialect = Dialect(12)
    for _ in range(9):
        dialect = dialect.learnt(["Query has complexity of 9, which exceeds max complexity of 1"])
    assert dialect.page == SMALLEST_PAGE


def asked(question, content):
    """What the API makes of an answer."""

    async def answering(request):
        return Response(request.url, body=json.dumps(content).encode())

    return asyncio.run(question(Api("ville", f"https://{HOST}", 100, 0, answering)))


def spaces(api):
    return api.spaces()


def page(api):
    return api.page("3", None)


def answers(api):
    return api.answers(Place("3", "7", "90"))


def listing(**changed):
    return {"data": {"component": {"proposals": {"edges": []} | changed}}}


def thread(*found):
    return {"data": {"component": {"proposal": {"comments": list(found)}}}}


@pytest.mark.parametrize(
    ("question", "content", "complaint"),
    [
        (spaces, {"data": {"participatoryProcesses": [{"components": []}]}}, "processes: every.0.slug: missing"),
        (spaces, {"data": {"participatoryProcesses": [{"slug": "bus", "components": [{"__typename": "Proposals"}]}]}},
         "processes: every.0.components.0.id: missing"),
        (spaces, {"data": {"participatoryProcesses": ["Zoé Ixtlan"]}}, "processes: every.0: model type"),
        (spaces, {"errors": ["Zoé Ixtlan"]}, "errors: every.0: model type"),
        (page, listing(edges=["Zoé Ixtlan"]), "proposals: edges.0: model type"),
        (page, listing(edges=[{"node": "Zoé Ixtlan"}]), "proposals: edges.0.node: dict type"),
        (page, listing(pageInfo={"hasNextPage": "Zoé"}), "proposals: pageInfo.hasNextPage: bool parsing"),
        (answers, thread({"comments": []}), "answers: every.0.id: missing"),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_told_by_the_name_of_its_field(question, content, complaint):
    with pytest.raises(SourceError) as refused:
        asked(question, content)
    assert str(refused.value) == f"ville: another format than expected ({complaint})"


def test_what_an_answer_may_leave_out():
    components = [None, {"id": 3, "__typename": "Proposals"}, {"id": "4", "__typename": "Meetings"}]
    processes = [None, {"slug": "parcs", "components": None}, {"slug": "bus", "components": components}]
    assert asked(spaces, {"data": {"participatoryProcesses": processes}}) == {"parcs": [], "bus": ["3"]}
    last = asked(page, listing(edges=[None, {"node": None}, {"node": proposal()}]))
    assert (last.nodes, last.after, last.whole) == ([None, None, proposal()], None, True)
    assert asked(page, listing(pageInfo={"hasNextPage": True, "endCursor": "Mg"}, edges=None)).after == "Mg"
    assert asked(answers, thread(None, {"id": 90, "comments": [comment("91")]})) == (comment("91"),)
    assert asked(answers, thread()) is None


@pytest.mark.parametrize(
    ("strange", "reasons"),
    [("Zoé Ixtlan", ["comments: list type"]), ([None, "Zoé Ixtlan"], ["comments: mapping type"] * 2)],
)
def test_comments_of_another_shape_are_refused_and_their_proposal_is_kept(strange, reasons):
    read = found(proposal(comments=strange))
    assert [one.refused for one in read] == ["", *reasons]


@pytest.mark.parametrize(
    "site",
    ["http://ville.exemple.fr", "https://u:p@ville.exemple.fr", "https://ville.exemple.fr/fr", "ville", "ftp://x"],
)
def test_a_site_is_a_host_behind_https(site):
    with pytest.raises(ValidationError):
        DecidimSource(name="ville", platform="decidim", site=site)


def test_at_most_a_hundred_requests_a_minute_but_on_this_machine():
    far = DecidimSource(name="ville", platform="decidim", site="https://Ville.exemple.fr/", delay_s=0)
    assert (far.site, far.pause_s) == ("https://ville.exemple.fr", 0.6)
    assert DecidimSource(name="ici", platform="decidim", site="http://127.0.0.1:99", delay_s=0).pause_s == 0


def zipped(rows):
    """Open data with proposals only."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as members:
        lines = [f"{n};accepted;2026-03-01 10:00:00 UTC;https://{HOST}/p/{n};Point {n}" for n in range(rows)]
        members.writestr("x-proposals.csv", "\n".join(["id;state;published_at;url;title/fr", *lines]))
    return content.getvalue()


def test_the_zip_is_read_on_from_the_cursor_of_any_batch(monkeypatch):
    monkeypatch.setattr(archive, "BATCH", 4)
    with held(zipped(10)) as reader:
        every = list(archive.batches(reader, {}))
    assert [heard.seen for heard in every] == [4, 4, 2]
    for read in range(3):
        with held(zipped(10)) as reader:  # downloaded again after a kill
            rest = list(archive.batches(reader, every[read].cursor))
        assert [heard.natives for heard in rest] == [heard.natives for heard in every[read + 1 :]]


def test_an_export_that_is_switched_off_says_nothing_of_what_it_held():
    with held(zipped(1)) as reader:
        assert archive.missing(reader, ["proposal:7", "comment:90"]) == ["proposal:7"]


@pytest.mark.parametrize("content", [b"<html>Camille Untel</html>", b"", b"PK\x03\x04 Camille Untel"])
def test_open_data_that_is_no_zip_is_refused_without_quoting_it(content):
    with pytest.raises(InputError) as refused, held(content):
        pass
    assert "Untel" not in str(refused.value)
    assert "/dev/fd" not in str(refused.value)
