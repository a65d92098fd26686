-- The grants of every pipeline, for psql as the role that owns the tables, after each `millrace migrate`:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v role=millrace -f schema/grants.sql
--
-- A pipeline whose tables are not there is left out, but for that of crawled batches; where that does not run, take the
-- files of the others instead.
\ir batches/grants.sql
SELECT to_regclass('kafka_positions') IS NOT NULL AS has_products \gset
\if :has_products
\ir products/grants.sql
\endif
