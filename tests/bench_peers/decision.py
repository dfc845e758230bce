"""stub"""


def beside_uncommon_route() -> None: ...
