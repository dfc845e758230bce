"""The socket that clients connect to, and the address that they call it by."""

import socket
import sys

from router.errors import ConfigError


def bound(host: str, port: int, shared: bool = False) -> socket.socket:
    """A socket on that address; port 0 takes a free one. Raises ConfigError.

    `shared`: others of this user may listen there too, and Linux spreads connections over them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared and sys.platform == "linux":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"The address {host}:{port} cannot be used ({error.strerror}); "
            "stop what uses it or choose another port."
        ) from error
    return listening


def address_of(host: str, port: int) -> str:
    """What a client on this machine calls that listens on `host`, which may be all addresses.

    >>> address_of("0.0.0.0", 8787), address_of("::1", 8787), address_of("box.lan", 8787)
    ('http://127.0.0.1:8787', 'http://[::1]:8787', 'http://box.lan:8787')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
