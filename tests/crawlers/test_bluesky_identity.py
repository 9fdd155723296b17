"""From a handle to the DID that Bluesky's events have; nothing that is said of it quotes it."""

import pytest

from crawlers.bluesky.identity import resolve
from polyphonie.errors import InputError
from tests.servers.jetstream import Jetstream


@pytest.fixture(scope="module")
def service():
    with Jetstream().running() as running:
        yield running.url


@pytest.mark.parametrize("handle", ["h-ana.test", "@h-ana.test", " H-Ana.test "])
def test_a_handle_is_resolved(service, handle):
    assert resolve(handle, service) == "did:plc:ana"


def test_a_did_is_its_own_answer():
    assert resolve("did:plc:inventee", "http://127.0.0.1:9") == "did:plc:inventee"


@pytest.mark.parametrize(
    ("handle", "address", "why"),
    [
        ("personne.test", "", "no account has this Bluesky handle now"),
        ("h-ana.test", "http://127.0.0.1:9", "cannot be resolved now"),
        ("h-ana.test", "file:///etc/passwd#", "not an http address"),
        ("h-ana", "", "not a Bluesky handle"),
        ("h-ana.test/../x", "", "not a Bluesky handle"),
    ],
)
def test_a_handle_that_cannot_be_resolved_is_not_quoted(service, handle, address, why):
    with pytest.raises(InputError, match=why) as refused:
        resolve(handle, address or service)
    assert "ana" not in str(refused.value)
    assert "personne" not in str(refused.value)
