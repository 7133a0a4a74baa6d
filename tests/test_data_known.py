"""Known sets: found on the shelf or in the cache, verified, downloaded; and what is said when that fails."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recorrente.data import known
from recorrente.data.image import load
from recorrente.data.known import KNOWN, KnownFile, KnownSet
from recorrente.errors import InputError

MNIST = Path(os.environ.get("RECORRENTE_DATA", "")) / "mnist"
needs_mnist = pytest.mark.skipif(
    not (os.environ.get("RECORRENTE_DATA") and MNIST.is_dir()), reason="no mnist folder in $RECORRENTE_DATA"
)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty $RECORRENTE_DATA and an empty cache."""
    monkeypatch.setenv("RECORRENTE_DATA", str(tmp_path / "shelf"))
    monkeypatch.setenv("RECORRENTE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


CONTENT = {"a.gz": gzip.compress(b"first", mtime=0), "b.gz": gzip.compress(b"second", mtime=0)}


class Server(http.server.ThreadingHTTPServer):
    """A host of `files` on this machine, that counts what is asked of it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked = files, list[str]()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/set/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/set/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(dict(CONTENT))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def set_of(*hosts: str) -> KnownSet:
    files = tuple(KnownFile(name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items())
    return KnownSet("small", "image", "", ("0", "1"), "", "", files, hosts)


NOWHERE = "http://127.0.0.1:9/set/"  # the discard port: refused at once


def test_every_known_set_is_complete() -> None:
    for one in KNOWN.values():
        assert one.licence
        assert one.citation
        assert len(one.classes) == (10 if one.kind == "image" else 0)
        if one.kind == "image":
            assert one.name == "digits" or (len(one.files) == 4 and len(one.hosts) == 2)
        elif one.kind == "probe":
            assert one.files == ()  # made by rule
        else:
            assert one.files or one.folder
            assert one.hosts or one.origin
        for file in one.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert re.fullmatch("[0-9a-f]{64}|", file.unpacked_sha256)
        assert len({file.sha256 for file in one.files}) == len(one.files)
        assert all(host.endswith("/") for host in one.hosts)


def test_a_download_is_verified_kept_and_not_repeated(shelf: Path, server: Server) -> None:
    told: list[tuple[str, int, int]] = []
    paths = known.files(set_of(server.url), lambda *progress: told.append(progress))
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert {path.parent for path in paths} == {known.cache() / "small"}
    for name, content in CONTENT.items():
        assert (f"download {name}", len(content), len(content)) in told
    assert known.files(set_of(server.url)) == paths
    assert server.asked == ["a.gz", "b.gz"]


def test_the_second_host_is_asked_when_the_first_is_away_and_then_asked_first(shelf: Path, server: Server) -> None:
    away = Server({})
    away.server_close()
    assert len(known.files(set_of(away.url, server.url))) == 2
    assert server.asked == ["a.gz", "b.gz"]


def test_a_host_that_serves_something_else_is_not_believed(shelf: Path, server: Server) -> None:
    server.files["a.gz"] = b"<html>moved</html>"
    with pytest.raises(InputError, match=r"a.gz: got no download \(127.0.0.1:\d+: SHA256 hash"):
        known.files(set_of(server.url))
    assert list((known.cache() / "small").iterdir()) == []


def test_a_host_without_the_file_says_so(shelf: Path, server: Server) -> None:
    del server.files["b.gz"]
    with pytest.raises(InputError, match=r"b.gz: got no download \(127.0.0.1:\d+: HTTP 404\)"):
        known.files(set_of(server.url))


def test_no_network_is_one_clear_error_soon(shelf: Path) -> None:
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        known.files(set_of(NOWHERE, "http://127.0.0.1:7/set/"))
    assert time.monotonic() - began < 5
    message = str(caught.value)
    assert "127.0.0.1:9: ConnectionError; 127.0.0.1:7: ConnectionError" in message
    assert f"fetch {NOWHERE}a.gz or http://127.0.0.1:7/set/a.gz by other means" in message
    assert f"put it into {known.cache() / 'small'}" in message
    assert "\n" not in message


def test_an_unwritable_cache_says_why(shelf: Path, server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache should be")
    with pytest.raises(InputError, match=r"got no download \(127.0.0.1:\d+: .*(File exists|Not a directory)"):
        known.files(set_of(server.url))


def test_a_damaged_file_in_the_cache_is_named(shelf: Path) -> None:
    (known.cache() / "small").mkdir(parents=True)
    (known.cache() / "small" / "a.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"cache.small.a.gz: got a file with SHA-256 .* delete it and run again"):
        known.files(set_of(NOWHERE))


def test_the_shelf_comes_before_the_cache(shelf: Path, server: Server) -> None:
    known.files(set_of(server.url))
    shutil.copytree(known.cache() / "small", shelf / "small")
    assert {path.parent for path in known.files(set_of(NOWHERE))} == {shelf / "small"}


def test_a_file_missing_on_the_shelf_is_named(shelf: Path) -> None:
    (shelf / "small").mkdir()
    (shelf / "small" / "a.gz").write_bytes(CONTENT["a.gz"])
    with pytest.raises(InputError, match=r"shelf.small: got a folder without b.gz"):
        known.files(set_of(NOWHERE))


def test_an_unknown_name_gets_close_ones(shelf: Path) -> None:
    (shelf / "kuzushiji").mkdir()
    with pytest.raises(InputError, match="Did you mean mnist"):
        load("mnits")
    with pytest.raises(InputError, match="Did you mean kuzushiji"):
        load("kuzushji")
    with pytest.raises(InputError, match="wanted one of digits, mnist, fashion-mnist") as caught:
        load("xyzzy")
    assert str(caught.value).count("fashion-mnist") == 1


def test_a_path_is_never_taken_for_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a known data set nor a folder"):
        load(tmp_path / "digits")


def test_a_source_that_is_a_file_is_refused_with_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"ubyte: got a file, wanted a known name, or a folder") as caught:
        load(file)
    assert str(caught.value).endswith(f"Give the folder that holds it: {tmp_path}")


def test_digits_hold_out_a_fifth_of_each_class_and_always_the_same() -> None:
    data = load("digits")
    assert (len(data.train), len(data.test), data.maximum, data.size) == (1437, 360, 16, (8, 8))
    shares = np.bincount(data.test.labels) / np.bincount(np.concatenate((data.train.labels, data.test.labels)))
    assert shares.min() > 0.19
    assert shares.max() < 0.21
    again = load("digits", seed=5)
    np.testing.assert_array_equal(data.test.images, again.test.images)
    # The split is part of every published figure: a change of it must be seen.
    assert hashlib.sha256(data.test.images.tobytes()).hexdigest().startswith("342538e35bc5249d")


@needs_mnist
@pytest.mark.mnist
def test_mnist_is_all_there() -> None:
    data = load("mnist")
    assert (len(data.train), len(data.test), data.size, data.maximum) == (60_000, 10_000, (28, 28), 255)
    assert np.bincount(data.train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.train.images.mean() / 255 == pytest.approx(0.1306605, abs=1e-7)
    assert data.train.images.nbytes + data.test.images.nbytes < 60e6


@needs_mnist
@pytest.mark.mnist
def test_mnist_unpacked_is_known_too_and_a_changed_byte_is_seen(shelf: Path) -> None:
    (shelf / "mnist").mkdir()
    for file in KNOWN["mnist"].files:
        content = gzip.decompress((MNIST / file.name).read_bytes())
        (shelf / "mnist" / file.name.removesuffix(".gz")).write_bytes(content)
    assert len(load("mnist").test) == 10_000
    labels = shelf / "mnist" / "t10k-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[5000] ^= 1
    labels.write_bytes(content)
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte: got a file with SHA-256"):
        load("mnist")


@needs_mnist
@pytest.mark.mnist
def test_a_truncated_mnist_file_is_refused(shelf: Path) -> None:
    shutil.copytree(MNIST, shelf / "mnist")
    labels = shelf / "mnist" / "train-labels-idx1-ubyte.gz"
    labels.chmod(0o600)
    labels.write_bytes(labels.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte.gz: got a file with SHA-256 .* delete it and run"):
        load("mnist")
