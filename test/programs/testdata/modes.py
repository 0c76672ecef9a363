"""Every mode of open()."""
import os

os.chdir(os.environ["M"])


def content(name):
    with open(name, "rb") as f:
        return f.read()


def fails(error, *args):
    try:
        open(*args).close()
    except error:
        return
    raise AssertionError(f"open{args} did not fail with {error}")


for mode in ("r", "r+", "rb", "rb+"):
    fails(FileNotFoundError, "missing", mode)
with open("f", "w") as f:
    assert f.write("hello\n") == 6
    assert f.tell() == 6
assert content("f") == b"hello\n"
with open("f", "a") as f:
    f.write("world\n")
assert content("f") == b"hello\nworld\n"
with open("f", "r+") as f:
    assert f.readline() == "hello\n"
    f.seek(0)
    f.write("HELLO")
assert content("f") == b"HELLO\nworld\n"
with open("f", "a+") as f:
    f.write("!")
    f.seek(0)
    assert f.read() == "HELLO\nworld\n!"
    f.seek(2)
    f.write("?")  # still at the end
assert content("f") == b"HELLO\nworld\n!?"
with open("f", "w+") as f:
    f.write("abc")
    f.seek(1)
    assert f.read() == "bc"
    f.truncate(2)
assert content("f") == b"ab"
fails(FileExistsError, "f", "x")
with open("g", "x") as f:
    f.write("g")
with open("h", "x+b") as f:
    f.write(b"\0" * 10)
    f.seek(100)
    f.write(b"end")
assert content("h") == b"\0" * 100 + b"end"
with open("f", "wb", buffering=0) as f:
    for i in range(100):
        f.write(bytes([i]))
assert content("f") == bytes(range(100))
with open("f", "rb+") as f:
    f.seek(-10, os.SEEK_END)
    f.truncate()
assert os.path.getsize("f") == 90
with open("f", "rb") as f:
    f.seek(1000)
    assert f.read() == b""
fd = os.open("f", os.O_RDONLY)
try:
    os.write(fd, b"x")
    raise AssertionError("a read-only handle took a write")
except OSError:
    pass
os.close(fd)
with open("unlinked", "w+") as f:
    f.write("still here")
    f.flush()
    os.remove("unlinked")
    assert not os.path.exists("unlinked")
    f.seek(0)
    assert f.read() == "still here"
    f.write(" and more")
    f.seek(0)
    assert f.read() == "still here and more"
fails(IsADirectoryError, ".", "w")
