-- Counts the batches that were stored before there were sums. A migration of its own, because the one before holds a lock on
-- the ledger and this one takes a while where there is much: batches go on being stored meanwhile, and leave changes. One
-- statement, so that the ledger and the changes that it takes away are of the same moment.
WITH taken AS (
    DELETE FROM rollup_changes
), part AS MATERIALIZED (
    SELECT coalesce(project_id, '') AS project_key, job_id, platform, batches_done, batches_expected,
           items, successes, errors, rejected, last_committed_at
    FROM project_progress
), jobs AS (
    INSERT INTO rollup_jobs SELECT * FROM part
), projects AS (
    INSERT INTO rollup_projects
    SELECT project_key, count(DISTINCT job_id), sum(batches_done), coalesce(sum(batches_expected), 0),
           coalesce(sum(least(batches_done, batches_expected)) FILTER (WHERE batches_expected > 0), 0),
           count(*) FILTER (WHERE batches_expected IS NULL),
           count(*) FILTER (WHERE coalesce(batches_expected, 0) <= 0),
           sum(items), sum(successes), sum(errors), sum(rejected), max(last_committed_at)
    FROM part GROUP BY project_key
), code AS MATERIALIZED (
    SELECT coalesce(project_id, '') AS project_key, platform, e.key AS error_code, sum(e.value::bigint)::bigint AS errors
    FROM ingested_batches, jsonb_each_text(error_distribution) AS e GROUP BY 1, 2, 3
), of_project AS (
    INSERT INTO rollup_errors SELECT * FROM code
), of_all AS (
    INSERT INTO rollup_errors_all SELECT platform, error_code, sum(errors) FROM code GROUP BY 1, 2
)
UPDATE rollup_state SET filled = true, refreshed_at = now();
