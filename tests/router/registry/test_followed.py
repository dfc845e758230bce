"""A server that is none, or is hostile, in place of MLflow's; the real one is met in training."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from router.errors import ArtifactError
from router.registry import artifact as artifacts
from router.registry import followed
from router.registry.registry import Registry
from router.settings import shipped_models

NOTHING = b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}'  # what MLflow says with its 404
SHIPPED = artifacts.resolve(shipped_models())
ALIAS = "/api/2.0/mlflow/registered-models/alias"
PLACE = "/api/2.0/mlflow/model-versions/get-download-uri"
FILES = "/api/2.0/mlflow-artifacts/artifacts/1/models/m/artifacts/artifacts/learned-1"


def champion(name: str = "learned-1") -> bytes:
    return json.dumps(
        {"model_version": {"version": "4", "tags": [{"key": "version", "value": name}]}}
    ).encode()


@pytest.fixture
def pages() -> dict[str, bytes]:
    """What the server says, by path; anything else is a 404."""
    found = {f"{FILES}/{p.name}": p.read_bytes() for p in SHIPPED.iterdir()}
    found[ALIAS] = champion()
    found[PLACE] = b'{"artifact_uri": "mlflow-artifacts:/1/models/m/artifacts"}'
    return found


@pytest.fixture
def url(pages: dict[str, bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = pages.get(self.path.partition("?")[0])
            self.send_response(404 if said is None else 200)
            self.end_headers()
            with suppress(ConnectionError):  # who hangs up in the middle of a bomb
                self.wfile.write(said or NOTHING)

        def log_message(self, format: str, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    shutil.copytree(SHIPPED, tmp_path / SHIPPED.name)
    registry = Registry(tmp_path)
    registry.promote(SHIPPED.name)
    return registry


def follow(url: str, registry: Registry) -> str | None:
    async def main() -> str | None:
        async with httpx.AsyncClient(timeout=5) as http:
            return await followed.follow(http, url, registry)

    return asyncio.run(main())


def test_a_champion_is_taken_up_once(url: str, registry: Registry) -> None:
    assert follow(url, registry) == "learned-1"
    assert registry.current == "learned-1"
    registry.roll_back("it is worse here.")
    assert follow(url, registry) is None
    assert registry.current == SHIPPED.name


def test_where_none_is_champion_all_stays(
    url: str, registry: Registry, pages: dict[str, bytes]
) -> None:
    del pages[ALIAS]
    assert follow(url, registry) is None
    assert registry.current == SHIPPED.name


HARM = {
    "no JSON": (ALIAS, b"<html>"),
    "no object": (ALIAS, b"[]"),
    "a list in place of a version": (ALIAS, b'{"model_version": [1]}'),
    "a name that leaves the folder": (ALIAS, champion("../../etc/cron.d/x")),
    "files that it does not serve": (PLACE, b'{"artifact_uri": "file:///etc"}'),
    "a file that leaves the folder": (f"{FILES}/manifest.json", b'{"files": {"../x": "0"}}'),
    "a file that is missing": (f"{FILES}/heads.safetensors", None),
    "a file that was altered": (f"{FILES}/heads.safetensors", b"altered"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_hostile_server_changes_nothing(
    harm: str, url: str, registry: Registry, pages: dict[str, bytes]
) -> None:
    path, said = HARM[harm]
    if said is None:
        del pages[path]
    else:
        pages[path] = said
    with pytest.raises(ArtifactError):
        follow(url, registry)
    assert registry.current == SHIPPED.name
    assert {p.name for p in registry.folder.iterdir()} == {SHIPPED.name, "current"}


def test_a_bomb_is_left_when_it_is_too_large(
    url: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "MOST_BYTES", 100_000)
    with pytest.raises(ArtifactError, match="no version is"):
        follow(url, registry)


def test_a_login_stands_in_no_error(registry: Registry) -> None:
    with pytest.raises(ArtifactError, match=r"http://127\.0\.0\.1:9 could not be read") as told:
        follow("http://me:secret@127.0.0.1:9", registry)
    assert "secret" not in str(told.value)
