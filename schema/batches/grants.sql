-- What `millrace run` needs of the database, and no more. For psql, as the role that owns the tables, after each
-- `millrace migrate`:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v role=millrace -f schema/grants.sql
--
-- `role` names the role of `run`. It owns nothing, so it can neither drop nor alter a table, and with
-- DATABASE_AUTO_MIGRATE=false it never tries to. Every line may be run again. `deploy/scripts/check-grants` shows that
-- this is enough, and that it is not too much.

-- Before Postgres 15 every role may make tables in `public`; there also: REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"role";

-- Rows are inserted, or merged into what is there; nothing is ever deleted.
GRANT SELECT, INSERT, UPDATE ON post_analytics, authors, comments, crawl_errors, rejected_items TO :"role";

-- The ledger is only added to: a row that could be changed proves nothing.
GRANT SELECT, INSERT ON ingested_batches TO :"role";

-- A suspicion ends.
GRANT SELECT, INSERT, UPDATE, DELETE ON suspects TO :"role";

-- The sums for the page and the API. Changes of the ledger are noted by a trigger with its owner's rights.
GRANT SELECT, DELETE ON rollup_changes TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_jobs, rollup_projects TO :"role";
GRANT SELECT, INSERT, UPDATE ON rollup_errors, rollup_errors_all TO :"role";
GRANT SELECT, UPDATE ON rollup_state TO :"role";

-- To say which migrations are missing, and for the page and the API.
GRANT SELECT ON millrace_schema_history, project_progress, error_distribution TO :"role";
