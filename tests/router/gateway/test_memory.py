"""That large blocks do not stay in the heap."""

import ctypes
import subprocess
import sys

import pytest

from tests import ROOT

# In a process of its own, as there is no way back. Prints how much of a second large block was
# taken from the system by itself, once a first one has been freed.
LOOK = """
import ctypes
from router.gateway.memory import keep_large_blocks_apart

class Info(ctypes.Structure):
    _fields_ = [(f"field_{i}", ctypes.c_size_t) for i in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
if APART:
    keep_large_blocks_apart()
block = bytearray(20_000_000)
del block
before = libc.mallinfo2().field_4
block = bytearray(20_000_000)
print(libc.mallinfo2().field_4 - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc"
)
def test_a_large_block_goes_back_to_the_system_once_it_is_free() -> None:
    def apart(wanted: bool) -> int:
        command = [sys.executable, "-c", LOOK.replace("APART", str(wanted))]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return int(done.stdout)

    assert apart(True) >= 20_000_000
    assert apart(False) == 0  # what glibc does by itself
