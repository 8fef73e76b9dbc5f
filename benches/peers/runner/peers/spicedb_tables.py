"""The tables that SpiceDB 1.54 asks for in PostgreSQL, written from what it asks there.

Its own program makes them otherwise (`spicedb datastore migrate`), which no registry offers; the
embedded library only uses them. Columns are those that its statements name. The indexes serve its
statements: from a resource to its subjects, from a subject to its resources, and one living row of
each relationship. They may be others than its own.
"""

CREATE = """
CREATE TABLE metadata (unique_id varchar PRIMARY KEY);
INSERT INTO metadata VALUES ('6f1b7f8e-0000-4000-8000-000000000001');
CREATE TABLE alembic_version (version_num varchar NOT NULL);
INSERT INTO alembic_version VALUES ('unknown');
CREATE TABLE relation_tuple_transaction (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id() PRIMARY KEY,
    snapshot pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
    timestamp timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    metadata jsonb
);
CREATE TABLE namespace_config (
    namespace varchar NOT NULL, serialized_config bytea NOT NULL,
    created_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_xid xid8 NOT NULL DEFAULT '9223372036854775807',
    PRIMARY KEY (namespace, created_xid, deleted_xid)
);
CREATE TABLE caveat (
    name varchar NOT NULL, definition bytea NOT NULL,
    created_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_xid xid8 NOT NULL DEFAULT '9223372036854775807',
    PRIMARY KEY (name, created_xid, deleted_xid)
);
CREATE TABLE relation_tuple (
    namespace varchar NOT NULL, object_id varchar NOT NULL, relation varchar NOT NULL,
    userset_namespace varchar NOT NULL, userset_object_id varchar NOT NULL,
    userset_relation varchar NOT NULL,
    created_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_xid xid8 NOT NULL DEFAULT '9223372036854775807',
    caveat_name varchar, caveat_context jsonb, expiration timestamptz
);
CREATE TABLE schema_revision (
    name varchar NOT NULL DEFAULT 'current', hash bytea NOT NULL,
    created_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_xid xid8 NOT NULL DEFAULT '9223372036854775807',
    PRIMARY KEY (name, created_xid, deleted_xid)
);
CREATE INDEX ON relation_tuple_transaction (timestamp);
ALTER TABLE relation_tuple
    ADD PRIMARY KEY (namespace, object_id, relation, userset_namespace, userset_object_id,
        userset_relation, created_xid, deleted_xid),
    ADD UNIQUE (namespace, object_id, relation, userset_namespace, userset_object_id,
        userset_relation, deleted_xid);
CREATE INDEX ON relation_tuple (userset_object_id, userset_namespace, userset_relation, namespace,
    relation, object_id, created_xid, deleted_xid);
"""
