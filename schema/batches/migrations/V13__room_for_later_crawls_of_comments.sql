-- No update of a comment touches an indexed column, so one that finds room on its page changes no index (HOT), and what it
-- replaced makes room for the next. Measured (docs/performance.md): a later crawl of a comment takes four fifths of the
-- processor time, from the second time on a little more than half, and a third of the log; a new comment takes 5 % more.
-- Pages that are full stay so; what a later crawl moves goes to pages with room.
DO $$
DECLARE
    part regclass;
BEGIN
    -- An operator may have partitioned it.
    FOR part IN
        SELECT oid FROM pg_class WHERE relkind = 'r' AND (
            oid = 'comments'::regclass
            OR oid IN (SELECT relid FROM pg_partition_tree('comments') WHERE isleaf))
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 60)', part);
    END LOOP;
END
$$;
