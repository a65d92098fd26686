-- The grants of every pipeline, for psql as the role that owns the tables, after each `millrace migrate`:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v role=millrace -f schema/grants.sql
--
-- Where only some pipelines run, take their files instead.
\ir batches/grants.sql
