"""Bluesky against a real atproto network: what people do through its API goes in and out of the spool."""

import pytest

from crawlers.bluesky.identity import resolve
from polyphonie.errors import InputError
from tests.crawlers.test_bluesky_crawl import Home, until
from tests.servers import atproto_network

if why := atproto_network.missing():
    pytest.skip(why, allow_module_level=True)

POST, LIKE, PROFILE = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.actor.profile"
LABELS = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}


def said(text):
    return {"$type": POST, "text": text, "createdAt": "2026-11-01T08:00:00.000Z"}


def write(network, who, text):
    """The uri and the cid of a new post."""
    return network.do("create", who=who, collection=POST, record=said(text))


def rkey(post):
    return post["uri"].rpartition("/")[2]


@pytest.fixture(scope="module")
def network():
    with atproto_network.running() as running:
        yield running


def test_what_people_do_on_a_real_network_goes_in_and_out_of_the_spool(tmp_path, network):
    dids = {who: network.do("account", who=who)["did"] for who in ("ana", "bob", "cat", "eve", "gil")}
    hidden = {"$type": PROFILE, "labels": LABELS}
    network.do("put", who="eve", collection=PROFILE, rkey="self", record=hidden)
    first, second = write(network, "ana", "Oui aux retraites"), write(network, "ana", "Non aux retraites")
    writes = {who: write(network, who, f"Les retraites de {who}") for who in ("bob", "cat", "eve", "gil")}
    write(network, "bob", "Il fait beau")
    network.do("create", who="bob", collection=LIKE, record={**said(""), "$type": LIKE, "subject": first})

    home = Home(tmp_path, network_as_jetstream(network), protocol="v2", plc=network.plc, batch_s=0.1)
    with home.following():
        until(lambda: len(home.posts()) == 5)
        assert {text for _, text in home.posts()} == {
            "Oui aux retraites",
            "Non aux retraites",
            *(f"Les retraites de {who}" for who in ("bob", "cat", "gil")),
        }
        edited = said("Non à toutes les retraites")
        network.do("put", who="ana", collection=POST, rkey=rkey(second), record=edited)
        until(lambda: ("post", "Non à toutes les retraites") in home.posts())
        assert ("post", "Non aux retraites") not in home.posts()

        network.do("delete", who="ana", collection=POST, rkey=rkey(first))
        network.do("close", who="bob")
        network.do("deactivate", who="cat")
        network.do("put", who="gil", collection=PROFILE, rkey="self", record=hidden)
        until(lambda: [text for _, text in home.posts()] == ["Non à toutes les retraites"])
        assert home.kept(first["uri"], *(post["uri"] for post in writes.values())) == set()
        assert home.kept(second["uri"]) == {second["uri"]}
    counted = home.counted()
    assert (counted["liked"], counted["signed-in only"], counted["gone"]) == (1, 1, 4)

    assert resolve("@ana.test", network.pds) == dids["ana"]
    with pytest.raises(InputError) as unknown:
        resolve("personne.test", network.pds)
    assert "personne" not in str(unknown.value)


def network_as_jetstream(network):
    """What a Home wants to know of one."""

    class Addresses:
        endpoint, url = network.jetstream, network.appview

    return Addresses
