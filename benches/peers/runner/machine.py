"""What it ran on: processor, memory, kernel, versions, commit."""

import datetime
import os
import re
import subprocess
import sys

from .plan import ROOT


def output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def line(file, word):
    with open(file) as lines:
        found = next((it for it in lines if it.startswith(word)), None)
    return found and found.split(":", 1)[1].strip()


CRATES = ("petgraph", "ascent", "differential-dataflow", "timely", "tonic", "tokio-postgres",
          "redis", "ldap3")


def crates():
    """The versions that the Rust part is locked to."""
    lock = (ROOT / "benches/peers/rust/Cargo.lock").read_text()
    found = re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock)
    return {name: version for name, version in found if name in CRATES}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def describe():
    commit = output("git", "rev-parse", "HEAD") or "unknown"
    if output("git", "status", "--porcelain"):
        commit += "+changes"
    return {
        "commit": commit,
        "begun": now(),
        "machine": {
            "cpu": line("/proc/cpuinfo", "model name"),
            "cores": os.cpu_count(),
            "memory": line("/proc/meminfo", "MemTotal"),
            "kernel": output("uname", "-sr"),
            "rustc": output("rustc", "--version"),
            "python": sys.version.split()[0],
            "load_at_begin": os.getloadavg()[0],
        },
        "crates": crates(),
    }
