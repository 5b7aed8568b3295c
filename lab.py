#!/usr/bin/env python3
"""The one command of the lab: makes `.venv` on first use, then hands over to `control_plane`.

Role: check the Python, install the hash-locked requirements once, start the real command line. Standard library only.
Invariants: nothing half-made is ever used (the stamp in `.venv` is written last, and a `.venv` without the right
stamp is made anew); two starts at once install once (a file lock); a second start needs no network.
Not here: what the commands do (`control_plane/cli.py`).

This file must parse on every old Python, even 2.7, so that it can say which one is needed: no f-strings, no
annotations, no star inside a list, ASCII only, no import at the top beyond `sys`.
"""

import sys

NEEDED = (3, 11)


def fail(*lines):
    """Say what is wrong and what to do, and end with exit code 2."""
    sys.stderr.write("lab: " + "\n     ".join(lines) + "\n")
    sys.exit(2)


def check_machine(version=None, os_name=None, platform=None):
    """End with a clear text on a Python or a system that the lab does not run on."""
    import os

    found = tuple(version or sys.version_info[:3])
    if (os_name or os.name) == "nt" or (platform or sys.platform) in ("cygwin", "msys"):
        fail(
            "Windows itself is not supported (uvloop and Valkey are not made for it). Two ways that work:",
            "WSL2:   wsl --install, then in its terminal: python3 lab.py up",
            "Docker: docker compose up",
        )
    if found[:2] < NEEDED:
        fail(
            "Python 3.11 or newer is needed, this is Python %s (%s)."
            % (".".join(map(str, found)), sys.executable),
            "Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv; macOS: brew install python@3.13)",
            "and start the lab with it: python3.11 lab.py " + " ".join(sys.argv[1:] or ["up"]),
        )


# ----------------------------------------------------------------------------------------------------------------
# From here on the Python is new enough; still nothing but its standard library.


LOCKS = ("lab", "report", "test")  # each holds the same versions of all that the one before holds, and more


def wanted_locks(command):
    """Name of the lock that a command needs: reports need more than use does, tests more than reports."""
    return {"test": "test", "compare": "report", "capacity": "report"}.get(command, "lab")


def file_hash(path):
    """SHA-256 of a file, in hex."""
    import hashlib

    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Venv:
    """The virtual environment of this folder and the stamp that says what is installed in it."""

    def __init__(self, root):
        import os

        self.root = root
        self.folder = os.path.join(root, ".venv")
        self.python = os.path.join(self.folder, "bin", "python")
        self.stamp = os.path.join(self.folder, "lab-stamp.json")
        self.log = os.path.join(self.folder, "pip.log")

    def lock_path(self, lock):
        """The lock file of a name of `LOCKS`."""
        import os

        return os.path.join(self.root, "requirements", lock + ".txt")

    def read_stamp(self):
        """What is installed, or None where `.venv` is missing, half-made, moved, or its Python is gone."""
        import json
        import os

        try:
            with open(self.stamp) as file:
                stamp = json.load(file)
            usable = (
                stamp["folder"] == self.folder
                and stamp["python"] == os.path.realpath(self.python)
                and os.access(self.python, os.X_OK)
                and isinstance(stamp["locks"], dict)
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return stamp if usable else None

    def write_stamp(self, locks):
        """Record what is installed; written last and at once, so that it never stands for a half-made `.venv`."""
        import json
        import os

        stamp = {"folder": self.folder, "python": os.path.realpath(self.python), "locks": locks}
        with open(self.stamp + ".new", "w") as file:
            json.dump(stamp, file)
        os.replace(self.stamp + ".new", self.stamp)

    def ready(self, lock):
        """Whether the lock, as it stands in the folder now, is installed."""
        stamp = self.read_stamp()
        return stamp is not None and stamp["locks"].get(lock) == file_hash(self.lock_path(lock))


def make_ready(venv, lock):
    """Install what is missing; does nothing, and takes no lock, where all is there."""
    import fcntl
    import os

    if venv.ready(lock):
        return
    with open(os.path.join(venv.root, ".venv.lock"), "w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.stderr.write("lab: another start is installing; waiting for it ...\n")
            fcntl.flock(guard, fcntl.LOCK_EX)
        if not venv.ready(lock):
            install(venv, lock)


def install(venv, lock):
    """Make `.venv` where there is no usable one, install a lock, write the stamp."""
    import os
    import time

    begun = time.time()
    stamp = venv.read_stamp()
    if stamp is None:
        make_venv(venv)
    else:
        os.remove(venv.stamp)
    what = {"lab": "the lab's libraries", "report": "what reports need", "test": "what the tests need"}[lock]
    sys.stderr.write("lab: installing %s into .venv (once; about half a minute) ...\n" % what)
    run_pip(venv, lock)
    held = LOCKS[: LOCKS.index(lock) + 1]
    venv.write_stamp({name: file_hash(venv.lock_path(name)) for name in held})
    sys.stderr.write("lab: installed in %.0f s\n" % (time.time() - begun))


def make_venv(venv):
    """A fresh `.venv`, in place of whatever is there."""
    import importlib.util
    import os
    import shutil
    import subprocess

    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        fail(
            "this Python cannot make virtual environments (its venv or ensurepip module is missing).",
            "Debian, Ubuntu: sudo apt install python3-venv python%d.%d-venv" % sys.version_info[:2],
        )
    if os.path.islink(venv.folder) or os.path.isfile(venv.folder):
        os.remove(venv.folder)
    elif os.path.isdir(venv.folder):
        sys.stderr.write("lab: .venv is incomplete, moved or of a Python that is gone; making it anew\n")
        shutil.rmtree(venv.folder)
    python = (
        getattr(sys, "_base_executable", None) or sys.executable
    )  # not the venv's own, which was just removed
    made = subprocess.run(
        [python, "-m", "venv", venv.folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if made.returncode:
        said = made.stdout.decode("utf-8", "replace").strip().splitlines()[-5:]
        fail("making .venv failed (%s -m venv .venv):" % python, *said)


def pip_command(venv, lock, wheelhouse):
    """The pip command that installs a lock: checked hashes, wheels only, and no network with a wheelhouse."""
    command = [venv.python, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "2", "--progress-bar", "off"]
    if wheelhouse:
        command += ["--no-index", "--find-links", wheelhouse]
    return command + ["-r", venv.lock_path(lock)]


def run_pip(venv, lock):
    """Run pip, its talk into `.venv/pip.log`; a failure is told in the user's terms."""
    import os
    import subprocess

    wheelhouse = os.environ.get("LAB_WHEELHOUSE", "").strip()
    if wheelhouse:
        wheelhouse = os.path.abspath(os.path.expanduser(wheelhouse))
        if not os.path.isdir(wheelhouse):
            fail("LAB_WHEELHOUSE=%s: no such folder" % wheelhouse)
    environ = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    with open(venv.log, "w") as log:
        command = pip_command(venv, lock, wheelhouse)
        code = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env=environ, check=False
        ).returncode
    if code:
        with open(venv.log, encoding="utf-8", errors="replace") as log:
            fail(*explain_pip(log.read(), lock, wheelhouse))


def explain_pip(said, lock, wheelhouse):
    """What a failed installation means and what to do: lines for `fail`."""
    download = "python3 -m pip download --only-binary :all: -d wheels -r requirements/%s.txt" % lock
    unreachable = ["NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError"]
    unreachable += [
        "ProxyError",
        "Connection refused",
        "name resolution",
        "Network is unreachable",
        "SSLError",
    ]
    errors = " ".join([line.strip() for line in said.splitlines() if line.startswith("ERROR")][-2:])
    if "DO NOT MATCH THE HASHES" in said:
        return (
            "a downloaded file is not the one that requirements/%s.txt names (its hash differs)." % lock,
            "A proxy or a mirror changed it, or a download was cut. Nothing of it was used; try again, or elsewhere.",
        )
    if "No space left" in said:
        return ("the disk is full; the lab needs about 500 MB.", "Free some space and start again.")
    if wheelhouse:
        return (
            "the wheels in LAB_WHEELHOUSE=%s are not all that is needed:" % wheelhouse,
            errors,
            "Fetch them on a machine of the same kind that has network: " + download,
        )
    if any(word in said for word in unreachable):
        return (
            "no network: the first start downloads the libraries (later ones need no network). Either",
            "connect once and start again, or on a connected machine of the same kind:",
            "    " + download,
            "copy the folder wheels/ here, and: LAB_WHEELHOUSE=wheels python3 lab.py "
            + " ".join(sys.argv[1:]),
        )
    if "No matching distribution" in said:
        return (
            "a library has no ready-made wheel for this machine or this Python:",
            errors,
            "Use Python 3.11 to 3.14 on Linux or macOS (x86_64 or arm64), or: docker compose up",
        )
    return ["pip failed (all it said: .venv/pip.log):"] + said.strip().splitlines()[-8:]


def hand_over(venv, arguments):
    """Become `control_plane`, in the same process, so that signals and the exit code are its own."""
    import os

    environ = dict(os.environ, PYTHONPATH=venv.root)  # and nobody else's modules
    environ.pop("PYTHONHOME", None)
    sys.stdout.flush()
    # -P: a file named like a library in the folder the user stands in must not shadow it
    os.execve(venv.python, [venv.python, "-P", "-m", "control_plane"] + arguments, environ)  # no shell  # nosec B606


def main(arguments):
    """Check, install, hand over."""
    import os

    venv = Venv(os.path.dirname(os.path.realpath(__file__)))
    try:
        make_ready(venv, wanted_locks(arguments[0] if arguments else ""))
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nlab: stopped while installing; nothing half-made stays in use, start again to go on\n"
        )
        sys.exit(130)
    except OSError as error:
        fail("cannot prepare .venv in %s: %s" % (venv.root, error))
    hand_over(venv, arguments)


if __name__ == "__main__":
    check_machine()
    main(sys.argv[1:])
