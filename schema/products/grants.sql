-- What `millrace run` needs of the database for product events, and no more. For psql, as the role that owns the tables,
-- after each `millrace migrate`:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v role=millrace -f schema/products/grants.sql
--
-- `role` names the role of `run`, as in schema/batches/grants.sql. Every line may be run again.

GRANT USAGE ON SCHEMA public TO :"role";

-- Events are only added; whole days of the journal go by way of the functions.
GRANT SELECT, INSERT ON product_events TO :"role";
GRANT EXECUTE ON FUNCTION product_events_make(date, bigint) TO :"role";
GRANT EXECUTE ON FUNCTION product_events_drop(date) TO :"role";

-- Positions move; what was lost is noted.
GRANT SELECT, INSERT, UPDATE ON kafka_positions TO :"role";
GRANT SELECT, INSERT ON position_gaps TO :"role";

-- Ids and sums have their time; rejected events go when they were looked after.
GRANT SELECT, INSERT, UPDATE, DELETE ON product_event_ids, product_stats, rejected_events TO :"role";
GRANT SELECT, INSERT, UPDATE ON product_state TO :"role";

-- What is to be done goes when it is done; a file of the archive is never forgotten.
GRANT SELECT, INSERT, UPDATE, DELETE ON archive_pending, projection_queue, projection_failures, event_outbox TO :"role";
GRANT SELECT, INSERT, UPDATE ON archive_files, archive_hours TO :"role";

-- A suspicion ends.
GRANT SELECT, INSERT, UPDATE, DELETE ON product_suspects TO :"role";

-- To say which migrations are missing.
GRANT SELECT ON millrace_products_schema_history TO :"role";
