"""Keys and pseudonyms: one voice per person, proposal and epoch, and nobody can go further, we included.

    author token = blake2b(K[epoch], "author", platform | native author id)   in the spool, until the epoch closes
    voice        = blake2b(K[epoch], hash(proposal), author token)            beside each position
    record id    = blake2b(K[permanent], "record", platform | native URI)     for ever: a retry never repeats

K[epoch] lies in a file of mode 0600 outside the index. Once it is destroyed, two voices of one person cannot be
linked: not between proposals (another personalisation), not between epochs (another key), not by trying names.
"""

import os
import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from polyphonie.errors import ConfigurationError, EpochClosed

# Epochs are counted from a Monday, so that the default of seven days makes them calendar weeks.
FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
KEY_BYTES = 32


def epoch_of(moment: datetime, epoch_days: int) -> int:
    """Number of the epoch that holds `moment`, counted from Monday 5 January 1970."""
    return (moment - FIRST_MONDAY) // timedelta(days=epoch_days)


def epoch_start(epoch: int, epoch_days: int) -> datetime:
    """First instant of an epoch."""
    return FIRST_MONDAY + timedelta(days=epoch_days * epoch)


def _keyed(key: bytes, person: bytes, *parts: str) -> str:
    digest = blake2b(key=key, person=person, digest_size=16)
    for part in parts:
        encoded = part.encode(errors="surrogatepass")  # JSON may hold half a character
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


@lru_cache(maxsize=65_536)
def _proposal_person(proposal: str) -> bytes:
    return blake2b(proposal.encode(), digest_size=16).digest()


class Keyring:
    """The keys under one folder: `permanent.key` and one `epoch-N.key` for each open epoch.

    A key is made when it is first needed, with O_EXCL, so two processes that need the same one agree.
    """

    def __init__(self, folder: Path, epoch_days: int = 7) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder
        self.epoch_days = epoch_days
        self._loaded: dict[str, bytes] = {}

    def record(self, source: str, uri: str) -> str:
        """Identifier of what the platform calls `uri`; the same in every epoch."""
        return _keyed(self._key("permanent"), b"record", source, uri)

    def author(self, source: str, native_id: str, epoch: int) -> str:
        """Token of an author for one epoch; never written anywhere but the spool."""
        return _keyed(self._key(f"epoch-{epoch}"), b"author", source, native_id)

    def handle(self, source: str, handle: str, epoch: int) -> str:
        """Token of a handle as people type it, with or without @; kept beside the author's, so that it can be found."""
        return _keyed(self._key(f"epoch-{epoch}"), b"handle", source, handle.lstrip("@").casefold())

    def node(self, source: str, native_id: str, epoch: int) -> str:
        """Key of an account among the interactions of one epoch; none of its voices leads to it, nor it to them."""
        return _keyed(self._key(f"epoch-{epoch}"), b"node", source, native_id)

    def voice(self, author: str, proposal: str, epoch: int) -> str:
        """Key of a voice: one person about one proposal in one epoch."""
        return _keyed(self._key(f"epoch-{epoch}"), _proposal_person(proposal), author)

    def opt_out(self, source: str, handle: str) -> str:
        """What the opt-out list keeps of a handle or native id."""
        return _keyed(self._key("permanent"), b"opt-out", source, handle.lstrip("@").casefold())

    def open_epochs(self) -> list[int]:
        """Epochs whose key still exists, oldest first."""
        return sorted(int(path.stem.removeprefix("epoch-")) for path in self.folder.glob("epoch-*.key"))

    def closed_before(self) -> int:
        """The first epoch that may still have a key: one that was destroyed is never made again."""
        mark = self.folder / "closed-before"
        return int(mark.read_text()) if mark.exists() else -(2**31)

    def close(self, before: int) -> list[int]:
        """Destroy the keys of the epochs before `before`; returns which."""
        closed = [epoch for epoch in self.open_epochs() if epoch < before]
        if before > self.closed_before():
            mark = self.folder / ".closed-before.new"
            mark.write_text(str(before))
            mark.replace(self.folder / "closed-before")
        for epoch in closed:
            path = self.folder / f"epoch-{epoch}.key"
            # Overwritten first: a copy-on-write disk may keep the old block, and docs/methods.md says so.
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            self._loaded.pop(f"epoch-{epoch}", None)
        return closed

    def _key(self, name: str) -> bytes:
        if name == "permanent" and name in self._loaded:
            return self._loaded[name]
        path = self.folder / f"{name}.key"
        # Another process may have closed the epoch: what it destroyed must not live on in this one.
        if not path.exists():
            self._loaded.pop(name, None)
            if name.startswith("epoch-") and int(name.removeprefix("epoch-")) < self.closed_before():
                raise EpochClosed(f"the key of {name} was destroyed; what came in it cannot be given a voice any more")
        if name not in self._loaded:
            self._loaded[name] = _read_or_make(path)
        return self._loaded[name]


def _read_or_make(path: Path) -> bytes:
    # Written whole under another name, then linked: a reader never sees a key that is half there.
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first: its key is the key
        finally:
            fresh.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{path}: expected {KEY_BYTES} bytes; restore this key from its backup")
    return key


class OptOuts:
    """Keyed hashes of those who asked not to be heard; checked before anything else is done with a payload."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        self.path = path
        self.keys = keys
        self._hashes: set[str] = set()
        self._read_bytes = -1

    def __contains__(self, identity: tuple[str, str]) -> bool:
        source, native = identity
        self._refresh()
        return bool(self._hashes) and self.keys.opt_out(source, native) in self._hashes

    def number(self) -> int:
        """How many there are; it only grows."""
        self._refresh()
        return len(self._hashes)

    def add(self, source: str, native: str) -> None:
        """Remember that `native` (a handle or a native id) of `source` opted out; forgets the word itself."""
        self._refresh()
        hashed = self.keys.opt_out(source, native)
        if hashed in self._hashes:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as file:
            file.write(hashed + "\n")
        self._hashes.add(hashed)

    def _refresh(self) -> None:
        # A crawler runs for weeks, and `forget` is another process: lines are only ever added.
        size = self.path.stat().st_size if self.path.exists() else 0
        if size != self._read_bytes:
            self._hashes = set(self.path.read_text().split()) if size else set()
            self._read_bytes = size
