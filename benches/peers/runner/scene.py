"""What all scenarios share: the plan, the record, the two PostgreSQL servers, the graphs."""

import contextlib
import os
import shutil
import signal
import traceback

from . import graphs, memberships
from .cluster import Cluster
from .peers import Absent, everyone
from .plan import PEERS


class OutOfTime(RuntimeError):
    pass


class Scene:
    def __init__(self, plan, record):
        self.plan = plan
        self.record = record
        self.work = PEERS / f"work-{os.getpid()}"
        self.work.mkdir(parents=True)
        self.work.chmod(0o755)
        self.graphs = {}
        self.source = self.peers_cluster = None

    def open(self):
        """One server that the product follows, and one for the peers, so that neither pays for
        the other's log."""
        logical = {"wal_level": "logical", "max_slot_wal_keep_size": "32GB"}
        big = "256MB" if self.plan.quick else "5GB"
        self.source = Cluster(self.work, "source", logical | {"shared_buffers": "1GB"})
        self.peers_cluster = Cluster(
            self.work, "peers", {"shared_buffers": big, "track_commit_timestamp": "on"}
        )
        self.record.peer(
            "postgresql",
            version=self.source.version,
            settings_followed=self.source.settings,
            settings_of_peers=self.peers_cluster.settings,
        )

    def close(self):
        for cluster in (self.source, self.peers_cluster):
            if cluster:
                cluster.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    def graph(self, name, make):
        if name not in self.graphs:
            self.graphs[name] = make(self.work / f"graph-{name}")
        return self.graphs[name]

    def size(self, size):
        return self.graph(size, lambda folder: graphs.generated(self.plan, size, folder))

    @contextlib.contextmanager
    def attempt(self, scenario, graph, peer):
        """Whatever goes wrong within is written down as an absence; the rest goes on."""
        try:
            with limit(self.plan.peer_limit_s * 2):
                yield
        except Absent as reason:
            self.record.lacks(scenario, graph, peer, reason)
        except Exception as error:
            traceback.print_exc()
            self.record.lacks(scenario, graph, peer, f"{type(error).__name__}: {error}")

    @contextlib.contextmanager
    def running(self, scenario, graph, kinds=None, rows=True):
        """All peers with the graph in, those that could be started; stopped at the end."""
        started = []
        try:
            for kind in kinds or everyone(self):
                peer = kind(self)
                with self.attempt(scenario, graph.name, peer.name):
                    started.append(peer)
                    peer.start(graph, rows)
                    self.record.peer(peer.name, settings=peer.settings)
                    peer.is_up = True
            yield [peer for peer in started if getattr(peer, "is_up", False)]
        finally:
            for peer in started:
                try:
                    peer.stop()
                except Exception:
                    traceback.print_exc()
            for cluster in (self.source, self.peers_cluster):
                memberships.forget(cluster, graph)


@contextlib.contextmanager
def limit(seconds):
    """An alarm that interrupts whatever waits."""

    def ring(_number, _frame):
        raise OutOfTime(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(int(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def turns(peers, rounds):
    """Every peer in each round, another one first each time."""
    for number in range(rounds):
        shift = number % max(len(peers), 1)
        for peer in peers[shift:] + peers[:shift]:
            yield number, peer
