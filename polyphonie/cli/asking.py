"""Asks a language model behind an OpenAI-compatible address. The one place from which a text can leave the machine.

Loopback only unless the settings say otherwise. Neither redirections nor, on loopback, the proxies of the environment
are followed: both would send texts elsewhere than where the settings say. What a server answers to a refused
request is never shown: it may repeat the text.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from pydantic import BaseModel, SecretStr, ValidationError

from nlp.readers.chat import Prompt
from polyphonie.errors import ConfigurationError, PolyphonieError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers after which asking again may help
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
LONGEST_WAIT_S = 300.0  # a server that asks for more is left alone until another run
LONGEST_ANSWER_BYTES = 2**20


class ReaderUnavailable(PolyphonieError):
    """A reader does not answer, or refuses; names its address and says what to do."""

    exit_code = 8


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    """The part of a chat completion that is read."""

    choices: list[_Choice]


@dataclass(frozen=True)
class ChatServer:
    """One model behind one address. `sleep` and `timeout_s` are in seconds."""

    address: str
    model: str
    key: SecretStr | None = field(default=None, repr=False)
    timeout_s: float = 60.0
    retries: int = 4
    max_tokens: int = 32
    sleep: Callable[[float], None] = time.sleep
    _opener: OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        handlers = [_NoRedirection(), *([ProxyHandler({})] if is_loopback(self.address) else [])]
        object.__setattr__(self, "_opener", build_opener(*handlers))

    @property
    def manner(self) -> dict[str, int]:
        """What is asked of the model besides the question, and may change its answer."""
        return {"temperature": 0, "seed": 0, "max_tokens": self.max_tokens}

    def ask(self, prompt: Prompt) -> str:
        """What the model says; "" when the server answers something else than a completion.

        Asks again, later and later, when the server is silent or busy. Raises ReaderUnavailable when it stays so, asks
        for more than LONGEST_WAIT_S, or refuses.
        """
        reason = ""
        for attempt in range(self.retries + 1):
            try:
                return _said(self._post(prompt))
            except HTTPError as error:
                error.close()
                if error.code not in AGAIN:
                    raise ReaderUnavailable(self._refusal(error.code)) from error
                reason, wait = f"HTTP {error.code}", retry_after(error.headers, datetime.now(UTC))
            except (URLError, OSError, HTTPException) as error:
                cause = error.reason if isinstance(error, URLError) else error
                reason, wait = str(cause) or type(cause).__name__, None
            if wait is not None and wait > LONGEST_WAIT_S:
                raise ReaderUnavailable(f"{self.address} asks to wait {wait:.0f} s; start the same command again later")
            if attempt < self.retries:
                self.sleep(wait if wait is not None else pause(attempt))
        raise ReaderUnavailable(
            f"{self.address} did not answer ({reason}, {self.retries + 1} tries); answers are kept: start the same "
            "command again when it does"
        )

    def _post(self, prompt: Prompt) -> bytes:
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.question},
            ],
            **self.manner,
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key.get_secret_value()}"
        url = self.address.rstrip("/") + "/chat/completions"
        ends = time.monotonic() + self.timeout_s
        request = Request(url, json.dumps(asked).encode(), headers)  # noqa: S310 (`checked` allows http and https)
        with self._opener.open(request, timeout=self.timeout_s) as response:
            body = b""
            while chunk := response.read1(65_536):
                body += chunk
                # The timeout is of one silence; a server that drips would hold us for ever.
                if len(body) > LONGEST_ANSWER_BYTES or time.monotonic() > ends:
                    raise TimeoutError("an answer without end")
            return body

    def _refusal(self, code: int) -> str:
        hint = {401: "check readers.key", 403: "check readers.key", 404: "check readers.address and readers.model"}
        return f"{self.address} refuses (HTTP {code}); {hint.get(code, 'check readers.address and readers.model')}"


def checked(address: str, key: SecretStr | None, allow_remote: bool) -> str:
    """The address, when texts may be sent there. Raises ConfigurationError, without repeating what may be a secret."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # Not "from": what urlsplit says repeats a password that it took for a port.
        raise ConfigurationError(
            "setting readers.address: not an http address; expected one such as http://127.0.0.1:11434/v1"
        ) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "setting readers.address: it holds a name, a password or a parameter, which messages would show; write a "
            "key in readers.key"
        )
    if not is_loopback(address):
        if not allow_remote:
            raise ConfigurationError(
                f"setting readers.address: {parts.hostname} is not this machine, and texts would leave it; set "
                "readers.allow_remote: true if they may"
            )
        if key is not None and parts.scheme == "http":
            raise ConfigurationError("setting readers.key: it would cross the network in clear; use an https address")
    return address


def is_loopback(address: str) -> bool:
    """Whether the host is this machine, by its address or by the name localhost."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pause(attempt: int) -> float:
    """Seconds before asking again: twice as long each time, and not at the same instant as the others."""
    return min(FIRST_PAUSE_S * 2.0**attempt, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


def retry_after(headers: Message, now: datetime) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number or a date); None where it does not say."""
    said = (headers.get("Retry-After") or "").strip()
    if said.isdigit():
        return float(said)
    try:
        return max((parsedate_to_datetime(said) - now).total_seconds(), 0.0) if said else None
    except (ValueError, TypeError):
        return None


def _said(body: bytes) -> str:
    try:
        choices = _Completion.model_validate_json(body).choices
    except ValidationError:
        return ""
    return (choices[0].message.content or "") if choices else ""


class _NoRedirection(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
