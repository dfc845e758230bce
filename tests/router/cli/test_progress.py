import pytest

from router.cli.progress import _Standing, progress_of
from tests.servers.running import until


def test_on_a_pipe_a_line_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = ""

    def told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "asking: 3 of 10 done, about " in said

    with progress_of("asking", ends=1e12, every_s=0.001) as progress:
        progress(3, 10)
        assert until(told)


def test_the_time_left_is_by_the_pace_and_never_beyond_the_budget() -> None:
    halfway = _Standing("asking", began=0.0, ends=None, done=5, of=10)
    assert halfway.words(30.0) == "asking: 5 of 10 done, about 0:30 left"
    bounded = _Standing("asking", began=0.0, ends=40.0, done=5, of=10)
    assert bounded.words(30.0) == "asking: 5 of 10 done, about 0:10 left"
    assert _Standing("asking", began=0.0, ends=40.0).words(50.0) == (
        "asking: 0 done, about 0:00 left"
    )
    assert _Standing("probing", began=0.0, ends=None).words(9.0) == "probing: 0 done"
