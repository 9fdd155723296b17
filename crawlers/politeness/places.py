"""Which hosts are of the public web, as far as their name tells: what strangers send us to must be one of them."""

import ipaddress
import re

# What resolvers of the C library read as an IPv4 address: 127.1, 2130706433, 0x7f.1. No domain of the web ends so.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def public(host: str) -> bool:
    """Whether a host is a name of the public web, or a global address written in the usual way."""
    try:
        # As it is looked up: 127。1 and １２７.1 are 127.1.
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return False
    try:
        return ipaddress.ip_address(name.strip("[]")).is_global
    except ValueError:
        named = "." in name and not name.endswith(_INSIDE)
        return named and not _NUMBER.fullmatch(name.rpartition(".")[2])
