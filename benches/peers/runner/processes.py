"""Child processes: started, watched, and stopped by their own ids and no other."""

import os
import pathlib
import signal
import socket
import subprocess
import time


# Should the run be killed, its servers end too.
WITH_US = ["setpriv", "--pdeathsig", "TERM"]


class Child:
    """A server. Its output goes to a file."""

    def __init__(self, command, log, environment=None):
        self.log = pathlib.Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [*WITH_US, *(str(word) for word in command)],
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | (environment or {}),
        )

    @property
    def pid(self):
        return self.process.pid

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"ended by itself: {self.log.read_text(errors='replace')[-500:]}")

    def rss_bytes(self):
        return rss_bytes(self.pid)

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def library_path(root):
    """For a program of a package that was unpacked and not installed."""
    folders = [it for lib in ("usr/lib", "lib") for it in (root / lib).glob("*-linux-gnu*")]
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


def rss_bytes(pid):
    with open(f"/proc/{pid}/status") as lines:
        found = next(it for it in lines if it.startswith("VmRSS"))
    return int(found.split()[1]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, seconds, holds, child=None):
    """Asks every 50 ms until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        if child:
            child.check()
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
