-- Launchpad's tables, as far as memberships need them.

CREATE TABLE person (
    id          serial PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    displayname text NOT NULL,
    teamowner   integer REFERENCES person,
    merged      integer REFERENCES person,
    datecreated timestamp without time zone NOT NULL DEFAULT timezone('UTC', now()),
    visibility  integer NOT NULL DEFAULT 1,
    CONSTRAINT no_loops CHECK (id <> teamowner)
);

CREATE TABLE teammembership (
    id                serial PRIMARY KEY,
    person            integer NOT NULL REFERENCES person,
    team              integer NOT NULL REFERENCES person,
    status            integer NOT NULL,
    date_joined       timestamp without time zone,
    date_expires      timestamp without time zone,
    date_created      timestamp without time zone NOT NULL DEFAULT timezone('UTC', now()),
    date_last_changed timestamp without time zone,
    last_changed_by   integer REFERENCES person,
    CONSTRAINT membership_person_key UNIQUE (person, team)
);
