"""Real stand-ins for the cloud that fail at random, or look for what should not reach them."""

import subprocess
from pathlib import Path

import anthropic
import pytest

from tests.servers.fixtures import Run, free_port, peer, wait_for
from tests.servers.running import EASY, Gateway

pytestmark = pytest.mark.servers

ASK = [{"role": "user", "content": "Name a river."}]


@pytest.mark.parametrize("faults", [["--error-rate", "429=0.4"], ["--error-rate", "500=0.3"]])
def test_a_cloud_with_random_faults_is_survived(
    tmp_path: Path, llama: str, faults: list[str]
) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [peer("llmock"), "serve", "--port", str(port), "--log-level", "warning", *faults]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process, log)
            limits = {"retries": 6, "failures": 1000}
            url = f"http://127.0.0.1:{port}/anthropic"
            with Gateway(tmp_path, local_url=llama, cloud_url=url, cloud_limits=limits) as gateway:
                codes = [gateway.chat(EASY, model="cloud").status_code for _ in range(15)]
        finally:
            process.terminate()
    assert codes.count(200) >= 13


def test_streams_that_are_cut_end_with_an_error(tmp_path: Path, llama: str) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [
        peer("llmock"),
        "serve",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--stream-fault",
        "truncate=1.0",
    ]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process, log)
            url = f"http://127.0.0.1:{port}/anthropic"
            with (
                Gateway(tmp_path, local_url=llama, cloud_url=url) as gateway,
                anthropic.Anthropic(base_url=gateway.url, api_key="k", max_retries=0) as claude,
                pytest.raises(anthropic.APIError),
                claude.messages.stream(model="cloud", messages=ASK, max_tokens=50) as stream,
            ):
                stream.get_final_message()
        finally:
            process.terminate()


def test_no_leak_by_an_independent_benchmark(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pii-leak-benchmark plays the cloud and looks for what it had put into the requests.

    Behind the privacy filter it sees none of them (exit 2, nothing reached it); without the
    detectors, as a control that it would have, it reports the leak (exit 1).
    """
    port = free_port()
    capture = f"http://127.0.0.1:{port}"

    def selfcheck(**mode: object) -> int:
        gateway = run(cloud_url=capture, **mode)
        command = [
            peer("pii-leak-benchmark"),
            "selfcheck",
            "--target-base-url",
            f"{gateway.url}/v1",
            "--target-model",
            "auto",
            "--capture-port",
            str(port),
            "--iterations",
            "1",
            "--json-out",
            str(tmp_path / "report.json"),
            "--timeout-seconds",
            "60",
        ]
        return subprocess.run(command, capture_output=True, timeout=120).returncode

    modes = ({}, {"cascade": "second_opinion"}, {"exploration": 0.5}, {"threshold": -1.0})
    assert [selfcheck(**mode) for mode in modes] == [2, 2, 2, 2]
    assert [selfcheck(private="mask", **mode) for mode in modes] == [2, 2, 2, 2]
    monkeypatch.setattr("router.app.detectors_of", lambda _: [])
    assert selfcheck(threshold=-1.0) == 1
