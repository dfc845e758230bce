"""Tests; `router` and `training` mirror the packages of those names."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
