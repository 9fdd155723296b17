"""One voice per person, proposal and epoch; nothing further can be linked."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyphonie.errors import ConfigurationError, EpochClosed
from polyphonie.pseudonyms import FIRST_MONDAY, Keyring, OptOuts, epoch_of, epoch_start


@pytest.mark.parametrize(
    ("moment", "days", "epoch"),
    [
        (FIRST_MONDAY, 7, 0),
        (FIRST_MONDAY - timedelta(seconds=1), 7, -1),
        (datetime(2026, 11, 22, 23, 59, tzinfo=UTC), 7, 2967),  # a Sunday
        (datetime(2026, 11, 23, tzinfo=UTC), 7, 2968),
        (datetime(2026, 11, 23, tzinfo=UTC), 1, 20_776),
    ],
)
def test_epoch_of(moment, days, epoch):
    assert epoch_of(moment, days) == epoch
    assert epoch_start(epoch, days) <= moment < epoch_start(epoch + 1, days)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keyring(tmp_path_factory.mktemp("keys"))


words = st.text(min_size=1, max_size=30)


@given(author=words, other=words, proposal=words, second=words, epoch=st.integers(0, 3))
def test_a_voice_depends_on_person_proposal_and_epoch(keys, author, other, proposal, second, epoch):
    def voice(who, what, when):
        return keys.voice(keys.author("mastodon", who, when), what, when)

    here = voice(author, proposal, epoch)
    assert here == voice(author, proposal, epoch)
    assert (here == voice(other, proposal, epoch)) == (author == other)
    assert (here == voice(author, second, epoch)) == (proposal == second)
    assert here != voice(author, proposal, epoch + 1)
    assert author not in here or len(author) < 5


def test_two_platforms_never_share_an_identifier(keys):
    assert keys.record("mastodon", "1") != keys.record("bluesky", "1")
    assert keys.author("a", "bc", 0) != keys.author("ab", "c", 0)


def test_keys_are_private_and_shared_between_processes(tmp_path):
    first, second = Keyring(tmp_path / "keys"), Keyring(tmp_path / "keys")
    assert first.record("x", "y") == second.record("x", "y")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_closed_epoch_cannot_be_reached_again(tmp_path):
    keys = Keyring(tmp_path)
    before = keys.author("mastodon", "42", 7)
    kept = keys.author("mastodon", "42", 8)
    assert keys.close(before=8) == [7]
    assert keys.open_epochs() == [8]
    assert keys.author("mastodon", "42", 8) == kept
    for ring in (keys, Keyring(tmp_path)):
        with pytest.raises(EpochClosed, match="destroyed"):
            ring.author("mastodon", "42", 7)
    assert before not in "".join(path.read_bytes().hex() for path in tmp_path.iterdir())


def test_a_damaged_key_is_said_not_replaced(tmp_path):
    (tmp_path / "permanent.key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match=r"permanent\.key: expected 32 bytes"):
        Keyring(tmp_path).record("x", "y")


def test_the_opt_out_list_holds_no_handle(tmp_path):
    keys = Keyring(tmp_path / "keys")
    OptOuts(tmp_path / "opt-outs", keys).add("mastodon", "@Zelie@exemple.example")
    again = OptOuts(tmp_path / "opt-outs", keys)
    assert ("mastodon", "zelie@exemple.example") in again
    assert ("bluesky", "zelie@exemple.example") not in again
    assert "zelie" not in (tmp_path / "opt-outs").read_text().casefold()
