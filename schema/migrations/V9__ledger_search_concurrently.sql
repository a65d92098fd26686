-- For searches by the beginning of an id whatever the database's collation is, and for the batches of a job. Two take the
-- place of plain indexes on the same columns, which serve nothing else.
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_job;
CREATE INDEX CONCURRENTLY idx_ingested_batches_job ON ingested_batches (job_id text_pattern_ops, platform, batch_index);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_project;
CREATE INDEX CONCURRENTLY idx_ingested_batches_project ON ingested_batches (project_id text_pattern_ops);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_event;
CREATE INDEX CONCURRENTLY idx_ingested_batches_event ON ingested_batches (event_id text_pattern_ops);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_job_id;
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_project_id;
