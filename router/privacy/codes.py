"""Ids, hashes and the like, of which a part may look like a card's number or an address."""

import re

from router.privacy.constants import CODE_AROUND, SHORTEST_CODE

# A UUID; or letters and digits in turns, and no sign between them for long.
_CODE = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    rf"|(?=[A-Za-z0-9]{{{SHORTEST_CODE}}})[0-9]*(?:[A-Za-z]+[0-9]+){{4,}}[A-Za-z]*"
)


def codes(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where codes begin and end that lie in, or close beside, `text[start:end]`.

    >>> codes("It is 27e969e2c8bf23fb9a431f7a41c30359.", 6, 20)
    [(6, 38)]
    >>> codes("Ship it to 4122 Rose Street, Denver, CO 80203.", 11, 45)
    []
    """
    found = _CODE.finditer(text, max(start - CODE_AROUND, 0), end + CODE_AROUND)
    return [match.span() for match in found]
