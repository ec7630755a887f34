# SPDX-License-Identifier: MIT
"""download.py SCRIPT: scripts/download-data fetches, continues, verifies and unpacks, from a server in this process."""
import hashlib
import http.server
import io
import json
import pathlib
import random
import tarfile
import threading

import support


def md5(data):
    return "md5:" + hashlib.md5(data, usedforsecurity=False).hexdigest()


def tar(members):
    """A .tar.gz of (name, bytes); bytes of None make a link to /etc/passwd."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data or b""))
    return file.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files; paths below /cut/ end after 1000 bytes more, those below /whole/ know no ranges."""

    def do_GET(self):
        folder, _, name = self.path[1:].partition("/")
        data = self.server.files.get(name if folder != "wrong" else "other")
        begin = int(self.headers["Range"][6:-1]) if "Range" in self.headers and folder != "whole" else 0
        self.server.requests.append((self.path, begin))
        if data is None or folder == "missing":
            self.send_error(404)
        elif begin and begin >= len(data):
            self.send_error(416)
        else:
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - begin))
            self.end_headers()
            self.wfile.write(data[begin : begin + 1000] if folder == "cut" else data[begin:])

    def log_message(self, *_):
        pass


class Download(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.requests = []
        self.content = random.Random(1).randbytes(2500)
        self.server.files = {"a.bin": self.content, "b.bin": b"small", "other": b"not what was asked"}
        thread = threading.Thread(target=self.server.serve_forever, args=[0.01])
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.folder = self.directory / "data" / "set"

    def download(self, *options, mirrors=("plain",), files=None, members=None):
        files = files or {"a.bin": md5(self.content), "b.bin": md5(b"small")}
        urls = [f"http://127.0.0.1:{self.server.server_address[1]}/{mirror}/" for mirror in mirrors]
        manifest = {"set": {"mirrors": urls, "files": files, **({"members": members} if members else {})}}
        (self.directory / "manifest.json").write_text(json.dumps(manifest))
        return self.call("set", "data", "--manifest", "manifest.json", "--timeout", "20", *options)

    def expect(self, result, code, text=""):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(text, result.stdout + result.stderr)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_fetches_once(self):
        self.expect(self.download(), 0, "a.bin: ok\n")
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)
        self.assertEqual(self.names(), ["a.bin", "b.bin"])
        requests = len(self.server.requests)
        self.expect(self.download(), 0)
        self.assertEqual(len(self.server.requests), requests)

    def test_replaces_what_is_damaged(self):
        self.folder.mkdir(parents=True)
        (self.folder / "a.bin").write_bytes(b"damaged")
        self.expect(self.download(), 0)
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)

    def test_verifies_without_a_server(self):
        self.expect(self.download("--verify"), 1, "a.bin: missing")
        self.expect(self.download(), 0)
        self.server.requests.clear()
        (self.folder / "b.bin").write_bytes(b"Small")
        self.expect(self.download("--verify"), 1, "b.bin: damaged")
        (self.folder / "b.bin").write_bytes(b"small")
        self.expect(self.download("--verify"), 0, "b.bin: ok")
        self.assertEqual(self.server.requests, [])

    def test_continues_what_was_cut_off(self):
        self.expect(self.download(mirrors=["cut"]), 0)
        self.assertEqual([begin for path, begin in self.server.requests if path == "/cut/a.bin"], [0, 1000, 2000])
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)

    def test_continues_at_another_mirror_and_in_another_call(self):
        self.content = self.server.files["a.bin"] = random.Random(2).randbytes(5000)
        self.expect(self.download(mirrors=["cut"]), 1, "the connection ended after 3000 of 5000 bytes")
        self.assertEqual(self.names(), ["a.bin.partial"])
        self.expect(self.download(mirrors=["missing", "plain"]), 0)
        self.assertIn(("/plain/a.bin", 3000), self.server.requests)
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)

    def test_starts_again_where_it_cannot_continue(self):
        self.folder.mkdir(parents=True)
        for mirror, part in (("whole", self.content[:100]), ("plain", b"of another version"), ("plain", b"x" * 9999)):
            (self.folder / "a.bin.partial").write_bytes(part)
            self.expect(self.download(mirrors=[mirror]), 0)
            self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)
            self.assertEqual(self.names(), ["a.bin", "b.bin"])
            (self.folder / "a.bin").unlink()

    def test_takes_a_partial_file_that_is_complete(self):
        self.folder.mkdir(parents=True)
        (self.folder / "a.bin.partial").write_bytes(self.content)
        self.expect(self.download(), 0)
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)

    def test_refuses_what_is_not_as_published(self):
        result = self.download(mirrors=["wrong", "missing"])
        self.expect(result, 1, "a.bin: expected a mirror that has it as published, got none")
        self.assertIn(f"expected {md5(self.content)}, got {md5(b'not what was asked')}", result.stderr)
        self.assertIn("404", result.stderr)
        self.assertEqual(self.names(), [])
        self.expect(self.download(mirrors=["wrong", "plain"]), 0)

    def test_takes_other_checksums(self):
        sha256 = "sha256:" + hashlib.sha256(self.content).hexdigest()
        self.expect(self.download(files={"a.bin": sha256}), 0, "a.bin: ok")

    def archive(self, members):
        self.server.files["x.tar.gz"] = tar(members)
        return self.download(files={"x.tar.gz": md5(self.server.files["x.tar.gz"])}, members=["in/a.bin", "in/b.bin"])

    def test_unpacks_what_is_named_and_nothing_else(self):
        outside = ("../outside", b"x"), ("/tmp/mpad-outside", b"x"), ("in/../../a.bin", b"x"), ("in/link", None)
        self.expect(self.archive([*outside, ("in/a.bin", self.content), ("in/b.bin", b"small")]), 0, "a.bin: ok")
        self.assertEqual(self.names(), ["a.bin", "b.bin", "checksums.md5"])
        self.assertEqual((self.folder / "a.bin").read_bytes(), self.content)
        self.assertFalse((self.directory / "data" / "outside").exists() or pathlib.Path("/tmp/mpad-outside").exists())
        requests = len(self.server.requests)
        (self.folder / "b.bin").write_bytes(b"Small")
        arguments = {"files": {"x.tar.gz": md5(self.server.files["x.tar.gz"])}, "members": ["in/a.bin", "in/b.bin"]}
        self.expect(self.download("--verify", **arguments), 1, "b.bin: damaged")
        self.assertEqual(len(self.server.requests), requests)
        self.expect(self.download(**arguments), 0)
        self.assertEqual((self.folder / "b.bin").read_bytes(), b"small")

    def test_archives_without_what_is_named(self):
        self.expect(self.archive([("in/a.bin", b"a")]), 1, "expected in/b.bin, got none")
        self.expect(self.archive([("in/a.bin", b"a"), ("in/b.bin", None)]), 1, "expected a file, got something else")
        self.assertNotIn("b.bin", self.names())

    def test_files_of_unknown_origin_are_not_called_right(self):
        self.folder.mkdir(parents=True)
        for name in ("a.bin", "b.bin"):
            (self.folder / name).write_bytes(b"mine")
        files = {"x.tar.gz": md5(b"")}
        self.expect(self.download("--verify", files=files, members=["a.bin", "b.bin"]), 1, "a.bin: unknown")

    def test_manifest_of_the_project(self):
        sets = json.loads((pathlib.Path(self.program).parent / "datasets.json").read_text())
        self.assertEqual(list(sets), ["mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100", "svhn"])
        for data_set in sets.values():
            for mirror in data_set["mirrors"]:
                self.assertRegex(mirror, r"^https?://.*/$")
            for digest in data_set["files"].values():
                self.assertRegex(digest, r"^md5:[0-9a-f]{32}$")
        self.expect(self.call("mnits", "data"), 2, f"expected {', '.join(sets)}, got 'mnits'")


if __name__ == "__main__":
    support.main()
