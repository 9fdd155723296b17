"""From a handle, as people type it, to the DID that Bluesky's events have in its place.

The one question that does not go through the politeness of a crawl: an operator asks it, once, for somebody who wants
to be forgotten, and it collects nothing.
"""

import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from polyphonie.errors import InputError

SERVICE = "https://public.api.bsky.app"
TIMEOUT_S = 5.0
_DID = re.compile(r"^did:[a-z]+:[A-Za-z0-9._:%-]+$")
_HANDLE = re.compile(r"^([a-z0-9-]+\.)+[a-z]([a-z0-9-]*[a-z0-9])?$")
_ANSWER_BYTES = 65_536


def resolve(handle: str, service: str = SERVICE, agent: str = "Polyphonie") -> str:
    """The DID behind a handle, with or without @; a DID is its own answer.

    Raises InputError, which does not quote the handle, when there is none or nobody answers.
    """
    handle = handle.strip().lstrip("@")
    if _DID.match(handle):
        return handle
    handle = handle.casefold()
    if not _HANDLE.match(handle):
        raise InputError("not a Bluesky handle (name.example.org) nor a DID")
    if not service.startswith(("https://", "http://")):
        raise InputError("the service that resolves Bluesky handles is not an http address")
    query = urlencode({"handle": handle})
    request = Request(  # noqa: S310 (the scheme was looked at)
        f"{service.rstrip('/')}/xrpc/com.atproto.identity.resolveHandle?{query}", headers={"User-Agent": agent}
    )
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            did = json.loads(answer.read(_ANSWER_BYTES)).get("did")
    except HTTPError as error:
        said = "no account has this Bluesky handle now" if error.code == 400 else f"status {error.code}"
        raise InputError(f"{said}; give the DID instead (did:...)") from None
    except (OSError, ValueError, AttributeError):
        raise InputError("Bluesky handles cannot be resolved now; give the DID instead (did:...)") from None
    if not isinstance(did, str) or not _DID.match(did):
        raise InputError("Bluesky handles cannot be resolved now; give the DID instead (did:...)")
    return did
