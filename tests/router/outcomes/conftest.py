"""A PostgreSQL for what must hold on both databases."""

import os
from collections.abc import Iterator

import pytest

from tests.servers.postgres import Postgres, programs


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The one that TEST_POSTGRES_URL names, else one of our own."""
    if named := os.environ.get("TEST_POSTGRES_URL"):
        yield named
        return
    if programs() is None:
        pytest.skip("needs PostgreSQL: install it, or set TEST_POSTGRES_URL")
    with Postgres() as server:
        yield server.url
