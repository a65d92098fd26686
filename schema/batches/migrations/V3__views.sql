-- A batch that was announced twice under two event ids is one batch done; its items were
-- stored twice and count twice. Dry runs appear with a null project.
CREATE VIEW project_progress AS
SELECT project_id, job_id, platform, batches_done, batches_expected,
       CASE WHEN batches_expected > 0
            THEN least(100, round(100.0 * batches_done / batches_expected, 2))::double precision
       END AS percent,
       items, successes, errors, rejected, last_committed_at
FROM (
    SELECT project_id, job_id, platform,
           count(DISTINCT coalesce('#' || batch_index, event_id)) AS batches_done,
           max(total_batches) AS batches_expected,
           sum(item_count)::bigint AS items,
           sum(success_count)::bigint AS successes,
           sum(error_count)::bigint AS errors,
           sum(rejected_count)::bigint AS rejected,
           max(committed_at) AS last_committed_at
    FROM ingested_batches
    GROUP BY project_id, job_id, platform
) AS job;

CREATE VIEW error_distribution AS
SELECT project_id, platform, error_code, error_category, sum(occurrences)::bigint AS errors
FROM crawl_errors
GROUP BY project_id, platform, error_code, error_category;
