-- The freshness token: call it after COMMIT, in the session that wrote, and hand it to a reader.

CREATE FUNCTION teamgraph.teamgraph_token() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
    -- Each name is qualified, so that no search_path can put another function in its place.
    position pg_catalog.pg_lsn;
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE EXCEPTION 'teamgraph_token() was called on a standby'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A token names a position of the primary''s log: call it on the primary.';
    END IF;
    -- An asynchronous commit returns before its record is flushed: the flush position may lie
    -- before the caller's own commit. The insert position never does.
    IF pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' THEN
        position := pg_catalog.pg_current_wal_insert_lsn();
    ELSE
        position := pg_catalog.pg_current_wal_flush_lsn();
    END IF;
    -- The first eight digits of a log file's name are the timeline, in hexadecimal.
    RETURN pg_catalog.concat(
        ('x' OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.pg_walfile_name(position), 8))
            ::pg_catalog.bit(32)::pg_catalog.int8,
        '/', position);
END
$$;

COMMENT ON FUNCTION teamgraph.teamgraph_token() IS
    'A freshness token, timeline/LSN such as 1/0/16B3748: a reader that hands it to Teamgraph sees '
    'at least what was committed before the call. Call it after COMMIT, with the same setting of '
    'synchronous_commit as the transaction had; only on the primary.';

-- Any role that writes memberships may need a token. USAGE shows names, it opens no table.
GRANT USAGE ON SCHEMA teamgraph TO PUBLIC;
GRANT EXECUTE ON FUNCTION teamgraph.teamgraph_token() TO PUBLIC;
