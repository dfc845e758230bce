import json

import pytest

from tests.audit import NO_SERVICE, verdict

GOOD = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([GOOD, UNKNOWN], 0, "No known vulnerability in 1 of 2 packages."),
        ([GOOD, BAD], 1, "b 2: CVE-1, mended in 3"),
        ([UNKNOWN, UNKNOWN], 0, NO_SERVICE),
    ],
)
def test_only_a_vulnerability_fails(packages: list[object], code: int, words: str) -> None:
    assert verdict(json.dumps({"dependencies": packages}), "") == (code, words)


def test_no_network_is_said_and_a_fault_of_the_auditor_fails() -> None:
    assert verdict("", "requests.exceptions.ConnectionError: no such host") == (0, NO_SERVICE)
    assert verdict("", "usage: pip-audit") == (1, "usage: pip-audit")
