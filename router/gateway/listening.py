"""The socket that clients connect to."""

import socket

from router.errors import ConfigError


def bound(host: str, port: int) -> socket.socket:
    """A socket on that address; port 0 takes a free one. Raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"The address {host}:{port} cannot be used ({error.strerror}); "
            "stop what uses it or choose another port."
        ) from error
    return listening
