"""The product: `teamgraph serve` that follows a database of the built-in schema."""

import time

from .. import memberships
from ..driver import Driver
from ..processes import Child, free_port, listens, until
from . import Peer


class Teamgraph(Peer):
    name = "teamgraph"
    settings = {
        "command": "serve, all defaults",
        "freshness": "newest version; the commit's token where a change must be seen",
    }

    def start(self, graph, rows=True):
        self.database = f"tg_{graph.name}".replace("-", "_")
        self.cluster = self.scene.source
        memberships.create(self.plan, self.cluster, self.database, graph, rows)
        self.serve(graph)

    def serve(self, graph):
        begin = time.monotonic()
        port = free_port()
        url = self.cluster.url(self.database, "teamgraph_feed").split("?")[0]
        command = [self.plan.teamgraph, "serve", "--database-url", url]
        self.address = f"127.0.0.1:{port}"
        command += ["--listen", self.address, "--instance", self.database]
        self.server = Child(command, self.scene.work / "teamgraph.log")
        until("teamgraph", 60, lambda: listens(port), self.server)
        self.driver = Driver(
            self.plan,
            "teamgraph",
            graph.teams,
            at=self.address,
            database=self.cluster.url(self.database),
        )
        ready = graph.edges[0] if graph.edges else (1, 1)
        self.first_answer(ready)
        self.ready_s = time.monotonic() - begin

    def first_answer(self, edge):
        """Until it answers: the copy is whole then."""
        end = time.monotonic() + self.plan.peer_limit_s
        file = self.scene.work / "first.csv"
        file.write_text(f"member,team,yes\n{edge[0]},{edge[1]},1\n")
        while True:
            answer = self.driver(
                "ask", kind="check", questions=file, seconds=5, once=True, connections=1
            )
            if answer["failed"] == 0 and (answer["right"] or time.monotonic() > end):
                return
            self.server.check()
            if time.monotonic() > end:
                raise TimeoutError(f"not ready: {answer['first_error']}")
            time.sleep(0.01)

    def empty(self):
        """No memberships, and seen so."""
        self.cluster.sql("TRUNCATE teamgraph.team_membership", self.database)
        self.driver("apply", add=[], remove=[], probe=[1, 2, False])

    def log_bytes(self):
        return self.cluster.wal_bytes()

    def memory(self):
        return {"rss_bytes": self.server.rss_bytes()}

    def stop(self):
        super().stop()
        if getattr(self, "server", None):
            self.server.stop()
            self.server = None
            self.cluster.sql(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE NOT active AND database = %s",
                arguments=(self.database,),
            )
            self.cluster.sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
