"""The champion of an MLflow server, for gateways that share nothing else.

`router learn` registers what it learned there and points the alias `champion` to what serves;
every gateway with the same `mlflow_url` takes that version up. Of MLflow's REST API
(https://mlflow.org/docs/latest/api_reference/rest-api.html) three addresses are asked, with httpx:
the package itself is large and belongs to learning.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from router.errors import ArtifactCorrupt, ArtifactError
from router.registry import artifact as artifacts
from router.registry.registry import Registry

REGISTERED, CHAMPION = "hybrid-router", "champion"
MOST_BYTES = 500_000_000  # chosen: of a version; the shipped one has a twentieth of it
_API = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_SERVED = "mlflow-artifacts"  # scheme of files that the server itself hands out
FOLLOWED = "followed"  # a file of one line beside the pointers: the registered version taken last


async def follow(http: httpx.AsyncClient, url: str, registry: Registry) -> str | None:
    """Make the champion of the server at `url` current in `registry`, once.

    Returns its name if it was taken up now. What happens to it here later, that it is measured or
    left for the one before, holds until another is champion there. Raises ArtifactError.
    """
    with _said(url):
        found = await _champion(http, url)
        number = str(found.get("version", "")) if found else ""
        mark = registry.folder / FOLLOWED
        if found is None or (mark.is_file() and mark.read_text().strip() == number):
            return None
        name = _name(found)
        if not (registry.folder / name).exists():
            await _fetched(http, url, number, registry.folder / name)
        if registry.current != name:
            words = f"{name} is champion of the MLflow server."
            await asyncio.to_thread(registry.promote, name, words)
        artifacts.write_synced(mark, f"{number}\n".encode())
    return name


async def champion(http: httpx.AsyncClient, url: str) -> str | None:
    """The version that the server at `url` has as champion, if any. Raises ArtifactError."""
    with _said(url):
        found = await _champion(http, url)
        return None if found is None else _name(found)


async def _champion(http: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    """The registered version that the alias names; None while there is none."""
    asked = {"name": REGISTERED, "alias": CHAMPION}
    answer = await http.get(f"{url}{_API}/registered-models/alias", params=asked)
    if answer.status_code == httpx.codes.NOT_FOUND:
        if answer.json()["error_code"] != "RESOURCE_DOES_NOT_EXIST":  # its word, not some server's
            raise ValueError
        return None
    if answer.status_code == httpx.codes.BAD_REQUEST and "alias" in answer.text:
        return None
    found: dict[str, Any] = answer.raise_for_status().json()["model_version"]
    return found


def _name(found: dict[str, Any]) -> str:
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
    return artifacts.checked_version(str(tags.get("version", "")))


async def _fetched(http: httpx.AsyncClient, url: str, number: str, target: Path) -> None:
    """Copy a version's files and check them; `target` is there whole or not at all."""
    asked = {"name": REGISTERED, "version": number}
    answer = await http.get(f"{url}{_API}/model-versions/get-download-uri", params=asked)
    place = urlsplit(answer.raise_for_status().json()["artifact_uri"])
    if place.scheme != _SERVED:
        raise _unread(url, "it does not serve its files; start it with --artifacts-destination")
    base = f"{url}{_FILES}{quote(place.path)}/artifacts/{target.name}"
    with artifacts.arriving(target) as partial:
        left = MOST_BYTES - await _copied(http, base, partial / artifacts.MANIFEST, MOST_BYTES)
        for name in json.loads((partial / artifacts.MANIFEST).read_bytes())["files"]:
            left -= await _copied(http, base, partial / artifacts.checked_version(name), left)
        await asyncio.to_thread(artifacts.load, partial)


async def _copied(http: httpx.AsyncClient, base: str, target: Path, most: int) -> int:
    """Copy one file; returns its size in bytes."""
    size = 0
    async with http.stream("GET", f"{base}/{target.name}") as answer:
        answer.raise_for_status()
        with target.open("wb") as file:
            async for piece in answer.aiter_bytes():
                size += len(piece)
                if size > most:
                    raise ArtifactCorrupt(f"{base} holds over {MOST_BYTES:,} bytes; no version is.")
                file.write(piece)
    return size


def without_login(url: str) -> str:
    """An address as it may be shown.

    >>> without_login("http://me:secret@host:5000/x")
    'http://host:5000/x'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def _said(url: str) -> Iterator[None]:
    """What goes wrong with a server, in a sentence."""
    try:
        yield
    except (httpx.HTTPError, OSError) as error:
        raise _unread(url, type(error).__name__) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unread(url, "an answer that is not MLflow's") from error


def _unread(url: str, why: str) -> ArtifactError:
    return ArtifactError(
        f"The champion of {without_login(url)} could not be read ({why}); check mlflow_url."
    )
