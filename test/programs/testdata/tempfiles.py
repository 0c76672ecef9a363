"""tempfile in the mount, and the library's other ways to make and remove trees."""
import os
import pathlib
import shutil
import tempfile
import zipfile

os.chdir(os.environ["M"])
tempfile.tempdir = os.environ["M"]
with tempfile.TemporaryFile() as f:
    f.write(b"nameless")
    f.seek(0)
    assert f.read() == b"nameless"
with tempfile.NamedTemporaryFile("w+") as f:
    f.write("named")
    f.flush()
    assert pathlib.Path(f.name).read_text() == "named"
assert not os.path.exists(f.name)
with tempfile.TemporaryDirectory() as d:
    for i in range(30):
        os.makedirs(f"{d}/{i % 5}/x", exist_ok=True)
        pathlib.Path(f"{d}/{i % 5}/x/{i}").write_bytes(os.urandom(i * 100))
    shutil.copytree(d, "tree")
    assert sum(len(files) for _, _, files in os.walk("tree")) == 30
assert not os.path.exists(d)
with tempfile.SpooledTemporaryFile(max_size=10) as f:
    f.write(b"x" * 100)
    f.seek(0)
    assert f.read() == b"x" * 100
fd, name = tempfile.mkstemp()
os.close(fd)
assert os.stat(name).st_mode & 0o777 == 0o600
os.unlink(name)
shutil.make_archive("archive", "zip", "tree")
with zipfile.ZipFile("archive.zip", "a") as z:
    z.writestr("added", "late")
with zipfile.ZipFile("archive.zip") as z:
    assert z.testzip() is None
    assert z.read("added") == b"late"
    z.extractall("unzipped")
assert pathlib.Path("unzipped/added").read_text() == "late"
os.utime("archive.zip", ns=(1_500_000_000_123456789, 1_500_000_000_987654321))
assert os.stat("archive.zip").st_mtime_ns == 1_500_000_000_987654321
shutil.move("tree", "elsewhere")
shutil.rmtree("elsewhere")
shutil.rmtree("unzipped")
os.remove("archive.zip")
assert os.listdir(".") == [], os.listdir(".")
