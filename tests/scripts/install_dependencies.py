# SPDX-License-Identifier: MIT
"""install_dependencies.py SOURCE: scripts/install-dependencies as root, by sudo or not at all, with stubs."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

source = pathlib.Path(sys.argv[1])
SUDO = {"sudo": 'echo by sudo; exec "$@"'}
APT = {"apt-get": 'echo "apt-get $*" >&2'}
PACKAGE = "python3-matplotlib"
REFUSED = f"install-dependencies: expected apt-get, and root or sudo; install these yourself: {PACKAGE}\n"


class InstallDependencies(unittest.TestCase):
    def installed(self, user, programs):
        """Exit code, output and errors for this user, on a system with these programs and no package."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for program in ("bash", "dirname", "env", "grep", "sh"):
                (folder / program).symlink_to(shutil.which(program))
            for program, body in {"id": f"echo {user}", "dpkg-query": "exit 1", **programs}.items():
                (folder / program).write_text(f"#!/bin/sh\n{body}\n")
                (folder / program).chmod(0o755)
            done = subprocess.run([source / "scripts/install-dependencies", "plot"], env={"PATH": name},
                                  capture_output=True, text=True)
            return done.returncode, done.stdout, done.stderr

    def test_root(self):
        code, said, errors = self.installed(0, APT)
        self.assertEqual((code, said), (0, f"installing {PACKAGE}\n"))
        self.assertTrue(errors.endswith(f" {PACKAGE}\n"), errors)

    def test_sudo(self):
        code, said, errors = self.installed(1000, APT | SUDO)
        self.assertEqual((code, said), (0, f"installing {PACKAGE}\nby sudo\n"))
        self.assertTrue(errors.endswith(f" {PACKAGE}\n"), errors)

    def test_neither(self):
        self.assertEqual(self.installed(1000, APT), (1, "", REFUSED))

    def test_no_apt_get(self):
        self.assertEqual(self.installed(0, {}), (1, "", REFUSED))
        self.assertEqual(self.installed(1000, SUDO), (1, "", REFUSED))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
