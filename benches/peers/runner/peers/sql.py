"""PostgreSQL without the product: the flattened table, and recursive SQL."""

import time

from .. import flattened, memberships
from ..driver import Driver
from . import Absent, Peer


class Sql(Peer):
    target = ""

    def start(self, graph, rows=True):
        self.graph = graph
        self.cluster = self.scene.peers_cluster
        self.database = f"{self.name}_{graph.name}".replace("-", "_")
        memberships.create(self.plan, self.cluster, self.database, graph, rows)
        self.fill(graph)
        self.driver = Driver(
            self.plan, self.target, graph.teams, database=self.cluster.url(self.database)
        )

    def fill(self, graph):
        pass

    def empty(self):
        self.cluster.sql("TRUNCATE teamgraph.team_membership", self.database)

    def log_bytes(self):
        return self.cluster.wal_bytes()

    def stop(self):
        super().stop()
        if getattr(self, "database", None):
            self.cluster.sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


class Recursive(Sql):
    name = "recursive-sql"
    target = "recursive"
    settings = {"indexes": "those of the built-in schema: (person, team), (team)"}

    def memory(self):
        return {"table_bytes": 0}


class Plain(Sql):
    """The memberships alone: no answers, but what changing them costs."""

    name = "plain-sql"
    target = "plain"
    settings = {"answers": "none; the floor of what a change of memberships costs"}


class Table(Sql):
    name = "flattened-table"
    target = "table"
    settings = {
        "indexes": "primary key (person, team), unique (team, person)",
        "kept": "by functions in the transaction that changes the memberships; logged",
        "rebuild": "50,000 members at a time, work_mem 1 GB, indexes made after the rows",
        "before_asking": "VACUUM ANALYZE, CHECKPOINT",
    }

    def fill(self, graph):
        if graph.meta.get("pairs", 0) > self.pairs_max:
            raise Absent(f"it would be {graph.meta['pairs']:,} rows: more than is tried here")
        with self.cluster.connect(self.database) as connection:
            flattened.create(connection, graph.teams)
            begin = time.monotonic()
            flattened.rebuild(connection, graph.teams + graph.people, self.plan.peer_limit_s)
            self.ready_s = time.monotonic() - begin
            flattened.settle(connection)
            self.size = flattened.bytes_and_rows(connection)

    def empty(self):
        super().empty()
        self.cluster.sql("TRUNCATE peers.participation", self.database)

    def after_change(self):
        """What was deleted is cleared away, as autovacuum would in time."""
        self.cluster.sql("VACUUM peers.participation", self.database)

    def memory(self):
        return {"table_bytes": self.size[0], "table_rows": self.size[1]}
