-- The feed's role: LOGIN REPLICATION, and SELECT on what it copies. It has no password: give it
-- one (ALTER ROLE teamgraph_feed PASSWORD '...') or another way in through pg_hba.conf.
--
-- This part is not versioned: it runs after every migration and does nothing where all is there.
-- Roles belong to the whole cluster, so two databases may create this one at the same moment:
-- the loser waits for the winner's commit and then finds the role.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'teamgraph_feed') THEN
        CREATE ROLE teamgraph_feed LOGIN REPLICATION;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role teamgraph_feed was not created: % may not create a role with REPLICATION',
            current_user
            USING HINT = 'Let a superuser run the output of `teamgraph migrate --print role`.';
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'teamgraph_feed')
        AND NOT (
            has_schema_privilege('teamgraph_feed', 'teamgraph', 'USAGE')
            AND has_table_privilege('teamgraph_feed', 'teamgraph.person', 'SELECT')
            AND has_table_privilege('teamgraph_feed', 'teamgraph.team_membership', 'SELECT')
        )
    THEN
        GRANT USAGE ON SCHEMA teamgraph TO teamgraph_feed;
        GRANT SELECT ON teamgraph.person, teamgraph.team_membership TO teamgraph_feed;
    END IF;
END
$$;
