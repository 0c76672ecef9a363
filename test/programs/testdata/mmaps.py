"""Mappings: read, shared write, private write, and a store after the descriptor was closed."""
import mmap
import os

os.chdir(os.environ["M"])
PAGE = mmap.PAGESIZE


def content(name):
    with open(name, "rb") as f:
        return f.read()


body = os.urandom(3 * PAGE + 100)
with open("f", "wb") as f:
    f.write(body)
with open("f", "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
    assert m[:] == body
    assert m[PAGE - 2:PAGE + 2] == body[PAGE - 2:PAGE + 2]
with open("f", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[10:14] = b"MMAP"
    m[PAGE:PAGE + 3] = b"two"
    m.flush()
    f.seek(10)
    assert f.read(4) == b"MMAP"
want = bytearray(body)
want[10:14], want[PAGE:PAGE + 3] = b"MMAP", b"two"
assert content("f") == want
with open("f", "r+b") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as m:
    m[0:7] = b"private"
assert content("f") == want

fd = os.open("f", os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)  # Python keeps a duplicate; the next part has none
m[20:25] = b"after"
m.close()
want[20:25] = b"after"
assert content("f") == want

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
fd = os.open("f", os.O_RDWR)
at = libc.mmap(None, PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
assert at not in (None, ctypes.c_void_p(-1).value), ctypes.get_errno()
os.close(fd)
ctypes.memmove(at + 30, b"nobody holds it open", 20)
assert libc.munmap(at, PAGE) == 0
want[30:50] = b"nobody holds it open"
assert content("f") == want

with open("grown", "w+b") as f:
    f.truncate(2 * PAGE)
    with mmap.mmap(f.fileno(), 0) as m:
        m[-1:] = b"!"
        m[0:1] = b"^"
assert content("grown") == b"^" + b"\0" * (2 * PAGE - 2) + b"!"
