-- The tables are new, so these are plain. An index on a live table goes into a migration whose
-- name ends in `_concurrently` (see schema/README.md).

CREATE INDEX idx_post_analytics_project_id ON post_analytics (project_id);
CREATE INDEX idx_post_analytics_job_id ON post_analytics (job_id);
CREATE INDEX idx_post_analytics_published_at ON post_analytics (published_at);

CREATE INDEX idx_rejected_items_job_id ON rejected_items (job_id);

CREATE INDEX idx_ingested_batches_job_id ON ingested_batches (job_id);
CREATE INDEX idx_ingested_batches_project_id ON ingested_batches (project_id);
CREATE INDEX idx_ingested_batches_object_path ON ingested_batches (object_path);
CREATE INDEX idx_ingested_batches_committed_at ON ingested_batches (committed_at);
