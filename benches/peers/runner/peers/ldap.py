"""OpenLDAP with nested groups, by the overlay dynlist: teams are groupOfNames, `memberOf` of a
person is found when asked, through groups of groups too. Nothing is stored but what is stated."""

import os
import subprocess
import time

from ..driver import Driver
from ..processes import Child, free_port, library_path, listens, until
from . import Absent, Peer

BASE = "dc=peers"
CONFIG = """
include {root}/etc/ldap/schema/core.schema
include {root}/etc/ldap/schema/cosine.schema
include {root}/etc/ldap/schema/inetorgperson.schema
include {root}/etc/ldap/schema/dyngroup.schema
modulepath {root}/usr/lib/ldap
moduleload back_mdb
moduleload dynlist
pidfile {work}/slapd.pid
threads 8
sizelimit unlimited
timelimit unlimited
database mdb
suffix "{base}"
rootdn "cn=admin,{base}"
rootpw peers
directory {work}/mdb
maxsize 2147483648
index objectClass,member,cn,uid eq
overlay dynlist
dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*
"""


class Ldap(Peer):
    name = "openldap"
    edges_max = 100_000
    settings = {
        "database": "mdb, synchronous, indexes on objectClass, member, cn, uid; 8 threads",
        "nesting": "overlay dynlist: memberOf found when asked (member+memberOf@groupOfNames*)",
    }

    def start(self, graph, rows=True):
        root = self.plan.program.parents[2] / "debian/slapd"
        if not (root / "done").exists():
            raise Absent("Debian's slapd was not fetched: see benches/peers/setup")
        if len(graph.edges) > self.edges_max:
            count = f"{len(graph.edges):,} memberships"
            raise Absent(f"{count}: it is asked where there are at most {self.edges_max:,}")
        self.work = self.scene.work / f"slapd-{graph.name}-{time.monotonic_ns()}"
        (self.work / "mdb").mkdir(parents=True)
        self.scene.record.peer(self.name, version=version(root))
        config = self.work / "slapd.conf"
        config.write_text(CONFIG.format(root=root, work=self.work, base=BASE))
        libraries = library_path(root)
        begin = time.monotonic()
        ldif = self.work / "all.ldif"
        write_ldif(ldif, graph, rows)
        # slapadd and slapd are one program; the option says which.
        slapd = root / "usr/sbin/slapd"
        command = [slapd, "-Ta", "-q", "-f", config, "-l", ldif]
        done = subprocess.run(
            [str(it) for it in command],
            env=os.environ | libraries,
            capture_output=True,
            text=True,
            timeout=self.plan.peer_limit_s,
        )
        if done.returncode != 0:
            raise RuntimeError(f"slapadd: {done.stderr[-400:]}")
        port = free_port()
        url = f"ldap://127.0.0.1:{port}"
        command = [slapd, "-d", "0", "-f", config, "-h", url + "/"]
        self.server = Child(command, self.work / "log", libraries)
        until("slapd", 30, lambda: listens(port), self.server)
        self.ready_s = time.monotonic() - begin if rows else None
        self.driver = Driver(self.plan, "ldap", graph.teams, at=url)

    def memory(self):
        disk = sum(it.stat().st_blocks * 512 for it in (self.work / "mdb").iterdir())
        return {"rss_bytes": self.server.rss_bytes(), "disk_bytes": disk}

    def stop(self):
        super().stop()
        if getattr(self, "server", None):
            self.server.stop()
            self.server = None


def version(root):
    command = [root / "usr/sbin/slapd", "-VV"]
    done = subprocess.run(command, env=os.environ | library_path(root), capture_output=True)
    return done.stderr.decode().split("$")[1].split("(")[0].strip()


def dn(graph, key):
    if graph.is_team(key):
        return f"cn=t{key},ou=teams,{BASE}"
    return f"uid=p{key},ou=people,{BASE}"


def write_ldif(file, graph, rows):
    members = graph.down if rows else [[]] * (graph.teams + 1)
    with open(file, "w") as out:
        out.write(f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\n")
        out.write("dc: peers\no: peers\n\n")
        for unit in ("people", "teams"):
            out.write(f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n")
        for key in range(graph.teams + 1, graph.teams + graph.people + 1):
            out.write(f"dn: {dn(graph, key)}\nobjectClass: inetOrgPerson\nuid: p{key}\n")
            out.write(f"cn: p{key}\nsn: p{key}\n\n")
        for team in range(1, graph.teams + 1):
            out.write(f"dn: {dn(graph, team)}\nobjectClass: groupOfNames\ncn: t{team}\n")
            # A group must have a member: the directory itself, which is nobody, is in each.
            names = [BASE, *(dn(graph, key) for key in members[team])]
            out.writelines(f"member: {name}\n" for name in names)
            out.write("\n")
