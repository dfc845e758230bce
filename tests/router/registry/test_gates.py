import pytest

from router.registry import gates
from training.evaluate.metrics import Interval


def around(value: float, half: float = 0.005) -> Interval:
    return Interval(value, value - half, value + half)


@pytest.mark.parametrize(
    ("quality", "ece", "reasons"),
    [
        (around(0.0), around(0.0), 0),
        (around(-0.02), around(0.0), 1),
        (around(0.02, half=0.05), around(0.0), 1),  # better, but a loss cannot be excluded
        (around(0.02), around(0.03), 1),
        (around(-0.02), around(0.03), 2),
    ],
)
def test_held_out_rows_must_exclude_a_loss(quality: Interval, ece: Interval, reasons: int) -> None:
    assert len(gates.on_held_out(quality, ece)) == reasons


def test_later_requests_must_show_that_it_is_better() -> None:
    def reasons(equal: Interval, own: Interval) -> tuple[str, ...]:
        return gates.on_later_requests(100, "agreement", equal, own, around(0.0))

    assert reasons(around(0.01), around(0.01)) == ()
    (said,) = reasons(around(0.004), around(0.01))
    assert "at equal cost" in said
    (said,) = reasons(around(0.01), around(-0.02))
    assert "at its own cut" in said
    assert len(reasons(around(0.0, 0.0), around(0.0, 0.0))) == 1


def test_how_many_labels_are_missing_is_said() -> None:
    (said,) = gates.too_few_to_judge(12)
    assert "only 12 later requests" in said and "38 more are needed" in said


def test_a_challenger_keeps_its_promise_in_shadow() -> None:
    assert gates.in_shadow(0.25, 0.2, 200) == ()
    assert "50%" in gates.in_shadow(0.5, 0.2, 200)[0]
    assert gates.in_shadow(0.5, 0.2, 4) == (), "four requests prove nothing"


def test_going_back_needs_a_clear_gain() -> None:
    assert not gates.worth_going_back(0.01)
    assert gates.worth_going_back(0.02)
