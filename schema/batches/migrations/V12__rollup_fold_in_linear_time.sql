-- Folding many changes took time by their square: beyond some hundred thousand (a fold that was away for an hour, say) no
-- hash table of them fits into `work_mem`, and each was looked for in the list of all. Now each batch is looked up in the
-- ledger once. But for `one` the function is that of migration 7.

-- Takes the changes into the sums; says how many there were. One caller at a time: the caller holds a lock. Each part is looked up
-- by its key (LATERAL, LIMIT): a planner that expects many changes would read the whole of a large table for a few.
CREATE OR REPLACE FUNCTION rollup_fold() RETURNS bigint LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    folded bigint;
    shrunk text[];
BEGIN
    WITH taken AS (
        DELETE FROM rollup_changes RETURNING *
    ), part AS (
        SELECT project_key, job_id, platform, bool_and(added) AS grew FROM taken GROUP BY 1, 2, 3
    ), one AS (
        -- A batch that was announced twice under two event ids is one batch done. The ledger has more of it than came now
        -- where it had some before; no more are read than tell that.
        SELECT c.*, c.batch_index IS NULL OR (c.place = 1 AND c.copies = (
                   SELECT count(*) FROM (
                       SELECT FROM ingested_batches b
                       WHERE b.job_id = c.job_id AND b.platform = c.platform AND b.batch_index = c.batch_index
                         AND coalesce(b.project_id, '') = c.project_key LIMIT c.copies + 1) AS known)) AS is_first
        FROM (SELECT t.*, row_number() OVER (same ORDER BY event_id) AS place, count(*) OVER same AS copies
              FROM taken t JOIN part USING (project_key, job_id, platform)
              WHERE grew
              WINDOW same AS (PARTITION BY project_key, job_id, platform, batch_index)) AS c
    ), gained AS (
        SELECT project_key, job_id, platform, count(*) FILTER (WHERE is_first) AS batches_done,
               max(total_batches) AS batches_expected, sum(item_count)::bigint AS items,
               sum(success_count)::bigint AS successes, sum(error_count)::bigint AS errors,
               sum(rejected_count)::bigint AS rejected, max(committed_at) AS last_committed_at
        FROM one GROUP BY 1, 2, 3
    ), old AS (
        SELECT j.* FROM part p CROSS JOIN LATERAL (
            SELECT * FROM rollup_jobs j
            WHERE (j.project_key, j.job_id, j.platform) = (p.project_key, p.job_id, p.platform) LIMIT 1) AS j
    ), new AS (
        SELECT project_key, job_id, platform,
               coalesce(o.batches_done, 0) + g.batches_done AS batches_done,
               greatest(o.batches_expected, g.batches_expected) AS batches_expected,
               coalesce(o.items, 0) + g.items AS items,
               coalesce(o.successes, 0) + g.successes AS successes,
               coalesce(o.errors, 0) + g.errors AS errors,
               coalesce(o.rejected, 0) + g.rejected AS rejected,
               greatest(o.last_committed_at, g.last_committed_at) AS last_committed_at
        FROM gained g LEFT JOIN old o USING (project_key, job_id, platform)
        UNION ALL
        -- A maximum and a count of different values cannot be taken back: a part that lost something is counted anew.
        -- One that lost everything has no batch, and is deleted below.
        SELECT p.project_key, p.job_id, p.platform, b.*
        FROM part p CROSS JOIN LATERAL (
            SELECT count(DISTINCT coalesce('#' || batch_index, event_id)), max(total_batches),
                   coalesce(sum(item_count), 0)::bigint, coalesce(sum(success_count), 0)::bigint,
                   coalesce(sum(error_count), 0)::bigint, coalesce(sum(rejected_count), 0)::bigint,
                   coalesce(max(committed_at), '-infinity')
            FROM ingested_batches b
            WHERE b.job_id = p.job_id AND b.platform = p.platform AND coalesce(b.project_id, '') = p.project_key) AS b
        WHERE NOT p.grew
    ), written AS (
        INSERT INTO rollup_jobs SELECT * FROM new
        ON CONFLICT (project_key, job_id, platform) DO UPDATE SET
            batches_done = excluded.batches_done, batches_expected = excluded.batches_expected,
            items = excluded.items, successes = excluded.successes, errors = excluded.errors,
            rejected = excluded.rejected, last_committed_at = excluded.last_committed_at
    ), job AS (
        SELECT project_key, job_id, count(o.items) AS parts_before,
               count(*) FILTER (WHERE n.batches_done > 0) AS parts_after,
               (SELECT count(*) FROM rollup_jobs r WHERE r.project_key = part.project_key AND r.job_id = part.job_id)
                   AS all_before
        FROM part LEFT JOIN old o USING (project_key, job_id, platform)
                  LEFT JOIN new n USING (project_key, job_id, platform)
        GROUP BY 1, 2
    ), jobs AS (
        SELECT project_key,
               sum((all_before - parts_before + parts_after > 0)::int - (all_before > 0)::int)::bigint AS jobs
        FROM job GROUP BY 1
    ), side AS (
        SELECT 1 AS sign, * FROM new WHERE batches_done > 0 UNION ALL SELECT -1, * FROM old
    ), delta AS (
        SELECT project_key, sum(sign * batches_done)::bigint AS batches_done,
               sum(sign * coalesce(batches_expected, 0))::bigint AS batches_expected,
               sum(sign * CASE WHEN batches_expected > 0 THEN least(batches_done, batches_expected) ELSE 0 END)::bigint
                   AS batches_counted,
               sum(sign * (batches_expected IS NULL)::int)::bigint AS parts_unplanned,
               sum(sign * (coalesce(batches_expected, 0) <= 0)::int)::bigint AS parts_unsized,
               sum(sign * items)::bigint AS items, sum(sign * successes)::bigint AS successes,
               sum(sign * errors)::bigint AS errors, sum(sign * rejected)::bigint AS rejected,
               coalesce(max(last_committed_at) FILTER (WHERE sign = 1), '-infinity') AS last_committed_at
        FROM side GROUP BY 1
    ), projects AS (
        INSERT INTO rollup_projects AS r
        SELECT project_key, jobs, batches_done, batches_expected, batches_counted, parts_unplanned, parts_unsized,
               items, successes, errors, rejected, last_committed_at
        FROM delta JOIN jobs USING (project_key)
        ON CONFLICT (project_key) DO UPDATE SET
            jobs = r.jobs + excluded.jobs, batches_done = r.batches_done + excluded.batches_done,
            batches_expected = r.batches_expected + excluded.batches_expected,
            batches_counted = r.batches_counted + excluded.batches_counted,
            parts_unplanned = r.parts_unplanned + excluded.parts_unplanned,
            parts_unsized = r.parts_unsized + excluded.parts_unsized,
            items = r.items + excluded.items, successes = r.successes + excluded.successes,
            errors = r.errors + excluded.errors, rejected = r.rejected + excluded.rejected,
            last_committed_at = greatest(r.last_committed_at, excluded.last_committed_at)
    ), code AS (
        SELECT project_key, platform, e.key AS error_code,
               sum(CASE WHEN added THEN e.value::bigint ELSE -e.value::bigint END)::bigint AS errors
        FROM taken, jsonb_each_text(error_distribution) AS e GROUP BY 1, 2, 3
    ), of_project AS (
        INSERT INTO rollup_errors AS r SELECT * FROM code
        ON CONFLICT (project_key, platform, error_code) DO UPDATE SET errors = r.errors + excluded.errors
    ), of_all AS (
        INSERT INTO rollup_errors_all AS r
        SELECT platform, error_code, sum(errors)::bigint FROM code GROUP BY 1, 2
        ON CONFLICT (platform, error_code) DO UPDATE SET errors = r.errors + excluded.errors
    )
    SELECT count(*), array_agg(DISTINCT project_key) FILTER (WHERE NOT added) INTO folded, shrunk FROM taken;

    IF shrunk IS NOT NULL THEN
        DELETE FROM rollup_jobs WHERE project_key = ANY (shrunk) AND batches_done = 0;
        DELETE FROM rollup_projects WHERE project_key = ANY (shrunk) AND jobs = 0;
        UPDATE rollup_projects p
        SET last_committed_at = (SELECT max(j.last_committed_at) FROM rollup_jobs j WHERE j.project_key = p.project_key)
        WHERE project_key = ANY (shrunk);
    END IF;
    IF folded > 0 THEN
        UPDATE rollup_state SET refreshed_at = now();
    END IF;
    RETURN folded;
END $$;
