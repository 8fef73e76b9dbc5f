"""Redis sets that hold the flattened closure."""

import os
import subprocess
import time

from ..driver import Driver
from ..processes import Child, free_port, library_path, listens, until
from . import Absent, Peer


class Redis(Peer):
    name = "redis-sets"
    is_told_pairs = True
    settings = {
        "sets": "the teams of each member, the people of each team",
        "persistence": "none (save '', appendonly no)",
        "closure": "found outside; only the writing of sets is timed, but for the rebuild",
    }

    def start(self, graph, rows=True):
        if graph.meta.get("pairs", 0) > self.pairs_max:
            raise Absent(f"it would be {graph.meta['pairs']:,} members of sets: more than is tried")
        root = self.plan.program.parents[2] / "debian/redis-server"
        binary = root / "usr/bin/redis-check-rdb"
        if not binary.exists():
            raise Absent("Debian's redis-server was not fetched: see benches/peers/setup")
        libraries = library_path(root)
        port = free_port()
        # Debian's redis-server is a link to redis-check-rdb; the name decides what it is.
        server = root / "usr/bin/redis-server"
        done = subprocess.run([server, "--version"], env=os.environ | libraries, capture_output=True)
        self.scene.record.peer(self.name, version=done.stdout.decode().split("sha")[0].strip())
        command = [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--dir", self.scene.work]
        self.server = Child(command, self.scene.work / "redis.log", libraries)
        until("redis", 20, lambda: listens(port), self.server)
        self.driver = Driver(self.plan, "redis", graph.teams, at=f"127.0.0.1:{port}")
        self.before = self.server.rss_bytes()
        if rows:
            begin = time.monotonic()
            self.driver("load", folder=graph.folder)
            self.ready_s = time.monotonic() - begin

    def memory(self):
        return {"rss_bytes": self.server.rss_bytes()}

    def stop(self):
        super().stop()
        if getattr(self, "server", None):
            self.server.stop()
            self.server = None
