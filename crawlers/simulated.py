"""What is heard of a simulated world says so: its platforms are called `simulated-...`, whoever asks for their keys."""

from dataclasses import replace

from polyphonie.intake import Border
from polyphonie.native import Native, NativePost
from polyphonie.pseudonyms import Keyring

MARK = "simulated-"


def simulated(native: Native) -> Native:
    """The same, said to be of a simulated platform."""
    named = replace(native, source=marked(native.source))
    return replace(named, flags=(*named.flags, "simulated")) if isinstance(named, NativePost) else named


def marked(source: str) -> str:
    """What records call a platform that is simulated."""
    return source if source.startswith(MARK) else f"{MARK}{source}"


def simulating(border: Border) -> Border:
    """A border whose keys know a platform by its simulated name only: a spider asks for its own."""
    return replace(border, keys=_Keys(border.keys.folder, border.keys.epoch_days))


class _Keys(Keyring):
    def record(self, source: str, uri: str) -> str:
        return super().record(marked(source), uri)

    def author(self, source: str, native_id: str, epoch: int) -> str:
        return super().author(marked(source), native_id, epoch)

    def handle(self, source: str, handle: str, epoch: int) -> str:
        return super().handle(marked(source), handle, epoch)

    def node(self, source: str, native_id: str, epoch: int) -> str:
        return super().node(marked(source), native_id, epoch)
