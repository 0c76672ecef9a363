"""A socket and a fifo have names in the mount; a hard link is refused honestly or made."""
import os
import socket
import stat
import threading

os.chdir(os.environ["M"])
server = socket.socket(socket.AF_UNIX)
server.bind("sock")
server.listen()
assert stat.S_ISSOCK(os.stat("sock").st_mode)


def answer():
    conn, _ = server.accept()
    conn.sendall(conn.recv(100).upper())
    conn.close()


t = threading.Thread(target=answer)
t.start()
client = socket.socket(socket.AF_UNIX)
client.connect("sock")
client.sendall(b"hello")
assert client.recv(100) == b"HELLO"
t.join()
client.close()
server.close()
os.unlink("sock")

os.mkfifo("fifo", 0o640)
assert stat.S_ISFIFO(os.stat("fifo").st_mode)


def write():
    with open("fifo", "w") as f:
        f.write("through")


t = threading.Thread(target=write)
t.start()
with open("fifo") as f:
    assert f.read() == "through"
t.join()
os.rename("fifo", "fifo2")
assert stat.S_ISFIFO(os.stat("fifo2").st_mode)
assert sorted(os.listdir(".")) == ["fifo2"]
os.unlink("fifo2")

open("f", "w").close()
try:
    os.link("f", "g")
    assert os.stat("g").st_nlink == 2
    os.unlink("g")
except PermissionError:
    assert not os.path.exists("g")
os.symlink("f", "l")
assert os.readlink("l") == "f" and os.path.samefile("l", "f")
os.setxattr("f", "user.note", b"text")
assert os.getxattr("f", "user.note") == b"text" and os.listxattr("f") == ["user.note"]
os.removexattr("f", "user.note")
assert os.listxattr("f") == []
