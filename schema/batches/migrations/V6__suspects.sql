-- Events that are worked on alone because they may have killed a process, and how often they were at
-- hand when one died. A row lives as long as the work on its event.
CREATE TABLE suspects (
    event_id        text PRIMARY KEY,
    strikes         bigint NOT NULL,
    first_struck_at timestamptz NOT NULL,
    last_struck_at  timestamptz NOT NULL
);
