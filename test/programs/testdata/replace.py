"""os.replace and os.rename: a reader sees the old file or the new one, never neither, never half."""
import os
import threading

os.chdir(os.environ["M"])
ROUNDS = 50
BODIES = {bytes([65 + i]) * (1000 + i) for i in range(ROUNDS)} | {b"first"}
with open("f", "wb") as f:
    f.write(b"first")
done = threading.Event()
errors = []


def read():
    while not done.is_set():
        try:
            with open("f", "rb") as f:
                body = f.read()
            if body not in BODIES:
                errors.append(f"{len(body)} bytes of {body[:10]!r}")
                return
        except OSError as e:
            errors.append(str(e))
            return


reader = threading.Thread(target=read)
reader.start()
for i in range(ROUNDS):
    with open("f.tmp", "wb") as f:
        f.write(bytes([65 + i]) * (1000 + i))
        if i % 2:
            os.fsync(f.fileno())
    os.replace("f.tmp", "f")
    with open("f", "rb") as f:
        assert f.read() == bytes([65 + i]) * (1000 + i), i
done.set()
reader.join()
assert not errors, errors
assert os.listdir(".") == ["f"], os.listdir(".")
os.mkdir("d")
with open("d/x", "w") as f:
    f.write("x")
os.rename("d", "e")
assert os.listdir("e") == ["x"]
try:
    os.rename("f", "e")
    raise AssertionError("a file went over a folder")
except IsADirectoryError:
    pass
os.rename("f", "e/x")
assert os.path.getsize("e/x") == 1000 + ROUNDS - 1
