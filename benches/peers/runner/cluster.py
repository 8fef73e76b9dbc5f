"""A private PostgreSQL server on loopback, its data in the work folder, stopped with us."""

import os
import pathlib
import pwd
import shutil
import signal

import psycopg

from .processes import WITH_US, Child, free_port, until

SETTINGS = {
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_connections": "200",
    "synchronous_commit": "on",
    "fsync": "on",
    "listen_addresses": "127.0.0.1",
}


def binaries():
    given = os.environ.get("TEAMGRAPH_PG_BIN")
    found = [pathlib.Path(given)] if given else []
    found += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "postgres").exists():
            return folder
    raise RuntimeError("no PostgreSQL server was found: run scripts/setup")


class Cluster:
    def __init__(self, folder, name, settings):
        self.folder = folder / name
        self.settings = SETTINGS | settings
        self.port = free_port()
        self.templates = set()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.server = None
        self.start()

    def start(self):
        as_other = []
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = next(it for it in ("postgres", "nobody") if has_user(it))
            group = str(pwd.getpwnam(user).pw_gid)
            as_other = [*WITH_US, f"--reuid={user}", f"--regid={group}", "--clear-groups"]
            shutil.chown(self.folder, user)
        folder, data = binaries(), self.folder / "data"
        initdb = [folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = Child(as_other + initdb + ["--locale=C"], self.folder.with_suffix(".initdb"))
        if made.process.wait(120) != 0:
            made.check()
        command = as_other + [folder / "postgres", "-D", data, "-p", self.port, "-k", self.folder]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        self.server = Child(command, self.folder.with_suffix(".log"))
        until("PostgreSQL", 60, self.answers, self.server)
        self.version = self.sql("SHOW server_version")[0][0]

    def url(self, database, user="postgres"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def connect(self, database="postgres"):
        return psycopg.connect(self.url(database), autocommit=True)

    def sql(self, text, database="postgres", arguments=()):
        with self.connect(database) as connection:
            cursor = connection.execute(text, arguments)
            return cursor.fetchall() if cursor.description else []

    def answers(self):
        try:
            return bool(self.sql("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def create(self, database):
        self.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.sql(f'CREATE DATABASE "{database}"')

    def wal_bytes(self):
        return int(self.sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")[0][0])

    def stop(self):
        if self.server:
            self.server.stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


def has_user(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False
