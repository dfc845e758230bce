"""Known vulnerabilities of what is installed: python -m tests.audit (part of `make check`).

pip-audit ends with 1 both for a vulnerability and without a network, and with 0 when the service
knew none of the packages. Here only a vulnerability, or a fault of pip-audit itself, is a failure.
"""

import json
import re
import subprocess
import sys

COMMAND = [sys.executable, "-m", "pip_audit", "--skip-editable", "--progress-spinner", "off"]
NO_SERVICE = "Not audited: the advisory service of PyPI cannot be reached from here."
_NETWORK = re.compile(r"ConnectionError|Could not connect|Timeout|ProxyError|SSLError|HTTPError")


def verdict(report: str, said: str) -> tuple[int, str]:
    """Exit code and words, from pip-audit's report in JSON and what it said beside it."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        return (0, NO_SERVICE) if _NETWORK.search(said) else (1, said)
    known = [p for p in packages if "vulns" in p]
    if packages and not known:
        return 0, NO_SERVICE
    found = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'none'}"
        for p in known
        for v in p["vulns"]
    ]
    if found:
        return 1, "\n".join(found)
    return 0, f"No known vulnerability in {len(known)} of {len(packages)} packages."


def main() -> None:
    """Audit the environment of this interpreter."""
    done = subprocess.run([*COMMAND, "--format", "json"], capture_output=True, text=True)
    code, words = verdict(done.stdout, done.stderr)
    print(words, file=sys.stderr if code else sys.stdout)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
