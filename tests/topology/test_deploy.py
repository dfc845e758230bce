"""The files of `examples/deploy` mean what this version of the router means."""

import os
import shutil
import subprocess
import tomllib
from typing import Any

import kubernetes_validate
import pytest
import yaml

from router.settings import Settings, load_settings
from tests import ROOT
from tests.servers.fixtures import Run

DEPLOY = ROOT / "examples" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("[!k]*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KEY = f"sha256:{'0' * 64}"


def objects() -> list[dict[str, Any]]:
    return [o for path in MANIFESTS for o in yaml.safe_load_all(path.read_text())]


def kind(name: str) -> dict[str, Any]:
    return next(o for o in objects() if o["kind"] == name)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.stem)
def test_kubernetes_knows_every_field(path: Any) -> None:
    for one in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_all_manifests_and_no_others_are_applied() -> None:
    applied = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(applied["resources"]) == [p.name for p in MANIFESTS]
    assert applied["images"][0]["newTag"] == PROJECT["version"]


def test_the_settings_of_the_pods_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEPLOY / "kubernetes")
    monkeypatch.setenv("ROUTER_API_KEYS", f'{{"home": "{KEY}"}}')
    settings = load_settings()
    assert settings.host == "0.0.0.0" and settings.mlflow_url == "http://mlflow:5000"


def test_the_settings_of_the_containers_are_settings() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    named = [n.lower() for n in services["gateway"]["environment"] if n.startswith("ROUTER_")]
    assert {n.removeprefix("router_") for n in named} <= set(Settings.model_fields)


def test_pods_are_probed_and_counted_where_the_gateway_answers(run: Run) -> None:
    gateway = run()
    container = kind("Deployment")["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert gateway.client.get(container[probe]["httpGet"]["path"]).status_code == 200
    counted = kind("HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert f"# TYPE {counted} gauge" in gateway.client.get("/metrics").text


def test_nothing_runs_as_root_or_writes_to_its_image() -> None:
    pod = kind("Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert lines.index("USER 10001") < lines.index(lines[-1])
    copied = [
        line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line
    ]
    assert all((ROOT / name).exists() for name in copied)


def test_docker_knows_every_field_of_the_compose_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("needs docker's command line, which checks the file without a server")
    given = {"POSTGRES_PASSWORD": "x", "ROUTER_KEY_HASH": KEY}
    command = ["docker", "stack", "config", "--compose-file", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_image_has_extras_that_there_are_pinned_versions_and_no_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    (extras,) = (x.removeprefix("ARG EXTRAS=") for x in lines if x.startswith("ARG EXTRAS="))
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    installs = [x for x in lines if "pip install" in x]
    assert installs and all("-c constraints.txt" in x for x in installs)
    assert [x for x in lines if x.startswith("USER ")] == ["USER 10001"]
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [x.split()[1:-1] for x in lines if x.startswith("COPY ") and "--from" not in x]
    assert {f"!{name}" for names in copied for name in names} <= set(sent)
