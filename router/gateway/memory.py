"""Memory of large requests and of replaced models, given back to the system."""

import ctypes
import sys

from router.gateway.constants import LARGE_BLOCK_BYTES

_M_MMAP_THRESHOLD = -3  # glibc's malloc.h


def keep_large_blocks_apart() -> None:
    """Take blocks of LARGE_BLOCK_BYTES and more from the system one by one (glibc; else nothing).

    By itself glibc has in its heap whatever is as large as what was ever freed, up to 32 MB; beside
    smaller things in use it stays there. After bodies of 10 MB that were 120 MB (mallopt(3)).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
