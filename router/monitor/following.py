"""Taking up what is champion on an MLflow server, or current in a models folder at an address."""

import asyncio
from pathlib import Path

import httpx

from router.app import Service
from router.monitor.constants import FOLLOW_S
from router.registry.followed import follow
from router.registry.serving import writable
from router.registry.shared import SharedModels
from router.settings import Settings


class Following:
    """Looks where `mlflow_url` or `models_url` points; without either it does nothing.

    Of several workers the first one does: the others see in the folder what is current.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._http: httpx.AsyncClient | None = None
        self._folder: tuple[Settings, Path] | None = None  # of which settings, and where

    async def work(self) -> None:
        """Take a new champion up; the gateway serves it within seconds. Raises ArtifactError."""
        settings = self._service.settings
        if (settings.mlflow_url is None and settings.models_url is None) or self._service.number:
            return
        if self._folder is None or self._folder[0] is not settings:  # reading a version takes long
            self._folder = settings, await asyncio.to_thread(writable, settings)
        registry = self._service.registry_of(self._folder[1])
        if settings.models_url is not None:
            await asyncio.to_thread(SharedModels(settings.models_url).follow, registry)
        elif settings.mlflow_url is not None:
            if self._http is None:  # once, as it reads the certificates
                self._http = await asyncio.to_thread(httpx.AsyncClient, timeout=FOLLOW_S)
            await follow(self._http, settings.mlflow_url.rstrip("/"), registry)

    async def close(self) -> None:
        """Hang up."""
        if self._http is not None:
            await self._http.aclose()
