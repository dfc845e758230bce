"""What the version in use can promise about quality, in sentences."""

from router.decide.router import Router
from router.errors import NoPromise
from router.promise import FLOOR_CONFIDENCE, floor_at
from router.threshold import QualityFloor, choose

_USUAL = 0.95  # chosen: what the settings give as an example
_TRIED = (0.8, 0.9, _USUAL, 0.99)  # chosen: floors that a person would ask for


def promises(router: Router) -> list[str]:
    """What holds at the threshold in use, and which floors could be set; or why none can."""
    known, point = router.reference.known, router.operating_point
    lines = []
    if len(known) and not point.depends_on_price:
        floor = floor_at(known, point.threshold(router.reference, 0.0), FLOOR_CONFIDENCE)
        kept = "no promise" if floor is None else f"at least {floor:.0%} of the cloud's quality"
        lines.append(
            f"In use: {point.words()}, {kept} with {FLOOR_CONFIDENCE:.0%} confidence on "
            f"{len(known)} {known.words}."
        )
    for tried in _TRIED if len(known) else (_USUAL,):
        try:
            cut = QualityFloor(tried).threshold(router.reference, 0.0)
        except NoPromise as error:
            return [*lines, str(error)]  # a higher floor needs more
        share = sum(choose(gain, cut) == "cloud" for gain in known.gain.tolist()) / len(known)
        lines.append(
            f"quality_floor = {tried:g}: threshold {cut:.3f}, {share:.0%} of these to the cloud."
        )
    return lines
