-- Product events: where Kafka has been read to, the journal of events, what is computed of them, and what is to be done
-- with them yet. One transaction for each chunk of a partition writes all of it. How many events of one product become
-- one row of `product_state` is told in schema/README.md.

-- The truth about positions; what the group has committed is a copy. `owner` is the process that moved it last.
CREATE TABLE kafka_positions (
    group_id    text NOT NULL,
    topic       text NOT NULL,
    partition   bigint NOT NULL,
    next_offset bigint NOT NULL,
    topic_id    uuid,
    owner       text,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 50);

-- Records that were never read and never will be: from the first of them to before the first that is there.
CREATE TABLE position_gaps (
    group_id    text NOT NULL,
    topic       text NOT NULL,
    partition   bigint NOT NULL,
    from_offset bigint NOT NULL,
    to_offset   bigint NOT NULL,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition, from_offset, to_offset)
);

-- The journal. `received_on` is the UTC day of `received_at`; the partitions are days (V2).
-- `headers`: an array of [name, value] in the order of the record; a value that is no text is {"base64": "…"}.
CREATE TABLE product_events (
    received_on   date NOT NULL,
    event_id      text NOT NULL,
    event_type    text NOT NULL,
    product_id    text NOT NULL,
    seller_id     text,
    event_at      timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    topic         text NOT NULL,
    partition     bigint NOT NULL,
    record_offset bigint NOT NULL,
    record_key    bytea,
    headers       jsonb,
    payload       json NOT NULL,
    trace_id      text,
    PRIMARY KEY (received_on, event_id)
) PARTITION BY RANGE (received_on);
CREATE INDEX product_events_by_product ON product_events (product_id, event_at DESC);
CREATE INDEX product_events_by_type ON product_events (event_type, event_at DESC);

-- Every id that was stored, and how often it came again. It outlives its event.
CREATE TABLE product_event_ids (
    event_id    text PRIMARY KEY,
    received_on date NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now(),
    duplicates  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 95);

-- `raw` is cut at 1 MiB; `raw_bytes` says how long it was. `headers` as in the journal.
CREATE TABLE rejected_events (
    topic         text NOT NULL,
    partition     bigint NOT NULL,
    record_offset bigint NOT NULL,
    event_id      text,
    reason        text NOT NULL,
    detail        text NOT NULL,
    record_key    bytea,
    headers       jsonb,
    raw           bytea,
    raw_bytes     bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX rejected_events_latest ON rejected_events (created_at DESC);

-- `value_ages`: for each value that is not of the last event, of which event it is; and the last event of each kind.
CREATE TABLE product_state (
    product_id    text PRIMARY KEY,
    seller_id     text,
    name          text,
    price         numeric,
    stock         bigint,
    category      text,
    status        text NOT NULL CHECK (status IN ('created', 'updated', 'deleted')),
    low_stock     boolean NOT NULL,
    threshold     bigint,
    first_seen_at timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    last_event_id text NOT NULL,
    deleted_at    timestamptz,
    value_ages    jsonb NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- `hour` is that of the event, or of the record where it is no event; `event_type` is then `other`.
CREATE TABLE product_stats (
    hour       timestamptz NOT NULL,
    event_type text NOT NULL,
    topic      text NOT NULL,
    partition  bigint NOT NULL,
    events     bigint NOT NULL DEFAULT 0,
    rejected   bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, event_type, topic, partition)
) WITH (fillfactor = 70);

-- Events of an hour that are in no file yet, and since when; `late` ones came when the hour was flushed already.
CREATE TABLE archive_pending (
    hour        timestamptz NOT NULL,
    event_id    text NOT NULL,
    received_on date NOT NULL,
    bytes       bigint NOT NULL,
    late        boolean NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hour, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- A file of the archive, and the lease of the replica that writes it. `received_from` and `received_to` are the days of the
-- journal that its members are of.
CREATE TABLE archive_files (
    file_id       uuid PRIMARY KEY,
    hour          timestamptz NOT NULL,
    seq           bigint NOT NULL,
    late          boolean NOT NULL,
    state         text NOT NULL CHECK (state IN ('planned', 'stored')),
    key           text NOT NULL UNIQUE,
    members       text[] NOT NULL,
    received_from date NOT NULL,
    received_to   date NOT NULL,
    events        bigint NOT NULL,
    bytes         bigint,
    sha256        text,
    etag          text,
    min_event_at  timestamptz,
    max_event_at  timestamptz,
    planned_at    timestamptz NOT NULL DEFAULT now(),
    stored_at     timestamptz,
    attempts      bigint NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    lease_owner   text,
    lease_epoch   bigint NOT NULL DEFAULT 0,
    lease_until   timestamptz
);
CREATE INDEX archive_files_by_hour ON archive_files (hour, seq);
CREATE INDEX archive_files_planned ON archive_files (next_at) WHERE state = 'planned';

-- Hours of which nothing is missing any more. A late file that comes all the same is added. `marked_at`: since when the
-- archive says so too, where it is to.
CREATE TABLE archive_hours (
    hour      timestamptz PRIMARY KEY,
    closed_at timestamptz NOT NULL DEFAULT now(),
    files     bigint NOT NULL,
    events    bigint NOT NULL,
    marked_at timestamptz
);

-- Events that the recent store does not have yet; only where that is not the journal.
CREATE TABLE projection_queue (
    event_id    text PRIMARY KEY,
    received_on date NOT NULL,
    queued_at   timestamptz NOT NULL DEFAULT now(),
    attempts    bigint NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL DEFAULT now(),
    lease_owner text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX projection_queue_due ON projection_queue (next_at);

-- Events that the recent store refuses. They stay in the journal and in the archive.
CREATE TABLE projection_failures (
    event_id    text PRIMARY KEY,
    received_on date NOT NULL,
    detail      text NOT NULL,
    failed_at   timestamptz NOT NULL DEFAULT now()
);

-- Copies of rejected records that are to be sent to KAFKA_DLQ_TOPIC; a row goes when its copy is confirmed.
CREATE TABLE event_outbox (
    outbox_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic         text NOT NULL,
    partition     bigint NOT NULL,
    record_offset bigint NOT NULL,
    reason        text NOT NULL,
    detail        text NOT NULL,
    record_key    bytea,
    headers       jsonb,
    value         bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempts      bigint NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    lease_owner   text,
    lease_epoch   bigint NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    UNIQUE (topic, partition, record_offset)
);
CREATE INDEX event_outbox_due ON event_outbox (next_at);

-- Records of a partition that were at hand when a process died: which, of how many a chunk may be next time, and how often
-- one of them was alone when it ended badly.
CREATE TABLE product_suspects (
    group_id     text NOT NULL,
    topic        text NOT NULL,
    partition    bigint NOT NULL,
    from_offset  bigint NOT NULL,
    until_offset bigint NOT NULL,
    size         bigint NOT NULL,
    alone        bigint NOT NULL,
    noted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition)
);

-- lz4 where the server has it, as for the texts of the crawl pipeline.
DO $$
BEGIN
    ALTER TABLE product_events ALTER COLUMN payload SET COMPRESSION lz4;
    ALTER TABLE rejected_events ALTER COLUMN raw SET COMPRESSION lz4;
    ALTER TABLE event_outbox ALTER COLUMN value SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN
        RAISE NOTICE 'this server has no lz4: payloads are compressed with pglz';
END
$$;
