-- For searches by the beginning of an id whatever the database's collation is, for the newest batches of a job or a project, and
-- to see whether a batch of a job was stored before. They take the place of two plain indexes on the same columns.
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_event;
CREATE INDEX CONCURRENTLY idx_ingested_batches_event ON ingested_batches (event_id text_pattern_ops);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_job;
CREATE INDEX CONCURRENTLY idx_ingested_batches_job ON ingested_batches (job_id text_pattern_ops, committed_at);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_job_batch;
CREATE INDEX CONCURRENTLY idx_ingested_batches_job_batch ON ingested_batches (job_id, platform, batch_index);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_project;
CREATE INDEX CONCURRENTLY idx_ingested_batches_project ON ingested_batches (project_id text_pattern_ops, committed_at);
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_job_id;
DROP INDEX CONCURRENTLY IF EXISTS idx_ingested_batches_project_id;
