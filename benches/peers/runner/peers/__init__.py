"""The peers that are asked through a driver: started with a graph, measured, stopped.

Each has a `name`, `start(graph)`, `driver` once it runs, `memory()`, and `stop()`. `start` raises
`Absent` with the reason where a peer cannot be had here.
"""


class Absent(RuntimeError):
    """The peer cannot be had, or cannot take this graph; the text says why."""


class Peer:
    name = ""
    # Most participations that a peer which stores them all is given.
    pairs_max = 40_000_000

    def __init__(self, scene):
        self.scene = scene
        self.plan = scene.plan
        self.driver = None

    def start(self, graph):
        raise NotImplementedError

    def memory(self):
        """Bytes by what they are."""
        return {}

    # Most are told memberships; who keeps no more than a closure must be told participations.
    is_told_pairs = False

    def log_bytes(self):
        """The primary's log so far, where there is one."""
        return None

    def after_change(self):
        """What is done between changes, not timed."""

    def settle(self):
        """Waits until questions without a token are answered from the newest state."""

    def is_asked(self):
        """Whether it still can be. One whose driver was ended, as it took too long, is stopped:
        it may be busy for ever."""
        if self.driver and self.driver.process.poll() is not None:
            self.stop()
        return self.driver is not None

    def stop(self):
        if self.driver:
            self.driver.stop()
            self.driver = None


def everyone(scene):
    from .ldap import Ldap
    from .redis import Redis
    from .spicedb import SpicedbMemory, SpicedbPostgres
    from .sql import Recursive, Table
    from .teamgraph import Teamgraph

    kinds = [Teamgraph, Table, Recursive, Redis, SpicedbMemory, SpicedbPostgres, Ldap]
    return [kind for kind in kinds if kind is Teamgraph or scene.plan.wants(kind.name)]
