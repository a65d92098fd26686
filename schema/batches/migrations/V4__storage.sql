-- lz4 stores 60 KB transcriptions three to four times as fast as pglz. A server may be built
-- without it (the error is feature_not_supported, or invalid_parameter_value where the word is
-- unknown): then pglz does.
DO $$
DECLARE
    target record;
BEGIN
    FOR target IN
        SELECT * FROM (VALUES
            ('post_analytics', 'content_text'), ('post_analytics', 'content_transcription'),
            ('post_analytics', 'error_details'), ('post_analytics', 'extra'),
            ('authors', 'bio'), ('authors', 'extra'),
            ('comments', 'text'), ('comments', 'extra'),
            ('crawl_errors', 'error_message'), ('crawl_errors', 'error_details'), ('crawl_errors', 'extra'),
            ('rejected_items', 'detail'), ('rejected_items', 'raw')
        ) AS wanted (table_name, column_name)
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET COMPRESSION lz4', target.table_name, target.column_name);
    END LOOP;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN
        RAISE NOTICE 'this server has no lz4: long texts are compressed with pglz';
END
$$;

-- No update touches an indexed column of these two, so an update that finds room on its page
-- changes no index (HOT). Authors are updated by nearly every batch, errors by every recurrence.
ALTER TABLE authors SET (fillfactor = 70);
ALTER TABLE crawl_errors SET (fillfactor = 80);

-- A fifth of a large table is too many dead rows to wait for.
ALTER TABLE post_analytics SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE authors SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE comments SET (autovacuum_vacuum_scale_factor = 0.05);
