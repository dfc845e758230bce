"""The extra `training` is enough to learn with: the README's first command installs no other."""

import subprocess
import sys

OF_THE_GATEWAY = {"training.fit.people", "training.pipelines.people"}  # the tagger is its own
PROGRAM = """
import importlib, pkgutil, sys
ONLY_GATEWAY = {"stdnum", "phonenumbers", "detect_secrets", "httpx_aiohttp", "prometheus_client"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ONLY_GATEWAY:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
import training
for found in pkgutil.walk_packages(training.__path__, "training."):
    if not found.name.endswith("__main__"):
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError:
            print(found.name)
"""


def test_learning_needs_nothing_of_the_gateways_extra() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert set(ran.stdout.split()) == OF_THE_GATEWAY
