"""Freed memory goes back to the system."""

import ctypes
import sys

import pytest

from tfdeploy.server.memory import Trimmer, find_trim, resident_bytes

MEGABYTE = 2**20


def test_a_server_at_rest_is_left_alone() -> None:
    held, trims = [100], []
    trimmer = Trimmer(lambda: trims.append(held[0]), lambda: held[0])
    assert not trimmer.look()
    held[0] = 102
    assert not trimmer.look()
    held[0] = 150
    assert trimmer.look()
    assert not trimmer.look()  # what is held after a trim is in use
    assert trims == [150]


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
def test_scattered_blocks_are_given_back() -> None:
    trim = find_trim()
    assert trim is not None
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(ctypes.c_size_t(64 * 1024)) for _ in range(1600)]
    for block in blocks:
        ctypes.memset(block, 1, 64 * 1024)
    # One block in 16 stays, so that nothing but a trim returns those between.
    for number, block in enumerate(blocks):
        if number % 16:
            libc.free(block)
    before = resident_bytes()
    trim()
    after = resident_bytes()
    for block in blocks[::16]:
        libc.free(block)
    assert before - after > 50 * MEGABYTE
