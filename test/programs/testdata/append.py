"""Appending from two handles and from threads: every line is there once and whole."""
import os
import threading

os.chdir(os.environ["M"])
a, b = open("two", "ab", buffering=0), open("two", "ab", buffering=0)
for i in range(100):
    a.write(b"a%04d\n" % i)
    b.write(b"b%04d\n" % i)
a.close()
b.close()
with open("two", "rb") as f:
    lines = f.read().splitlines()
assert lines == [b"%s%04d" % (who, i) for i in range(100) for who in (b"a", b"b")], lines[:10]

THREADS, LINES = 8, 50


def write(n, shared):
    with open("threads", "ab", buffering=0) as own:
        for i in range(LINES):
            (shared if i % 2 else own).write(b"%02d-%04d-%s\n" % (n, i, b"x" * 40))


with open("threads", "ab", buffering=0) as shared:
    threads = [threading.Thread(target=write, args=(n, shared)) for n in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
with open("threads", "rb") as f:
    lines = f.read().splitlines()
want = {b"%02d-%04d-%s" % (n, i, b"x" * 40) for n in range(THREADS) for i in range(LINES)}
assert len(lines) == len(want), (len(lines), len(want))
assert set(lines) == want

with open("log", "a") as log, open("log") as follow:
    for i in range(20):
        log.write(f"{i}\n")
        log.flush()
        assert follow.readline() == f"{i}\n"
