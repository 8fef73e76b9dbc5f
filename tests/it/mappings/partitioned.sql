CREATE TABLE member (id int PRIMARY KEY, is_team boolean NOT NULL);
INSERT INTO member SELECT g, g % 2 = 1 FROM generate_series(1, 40) g;
INSERT INTO member SELECT g, true FROM generate_series(41, 481, 20) g;
CREATE TABLE membership (
    member int NOT NULL, team int NOT NULL, active boolean NOT NULL, PRIMARY KEY (member, team)
) PARTITION BY RANGE (team);
CREATE TABLE part_0 PARTITION OF membership FOR VALUES FROM (0) TO (100);
-- Columns of a partition stand in an order of their own.
CREATE TABLE part_1 (active boolean NOT NULL, team int NOT NULL, member int NOT NULL);
ALTER TABLE membership ATTACH PARTITION part_1 FOR VALUES FROM (100) TO (200);
CREATE TABLE part_2 PARTITION OF membership FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (member);
CREATE TABLE part_2_0 PARTITION OF part_2 FOR VALUES FROM (0) TO (1000);
INSERT INTO membership VALUES (2, 1, true), (2, 101, true), (3, 201, true);
