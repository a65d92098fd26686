-- Which processes have noted that a redelivered event is at hand, in company or alone. A process takes its own notes
-- back while it lives; what is left of others speaks of their deaths. `strikes` stays the number of those in `alone_by`;
-- the version before counts there alone and names nobody.
ALTER TABLE suspects
    ADD COLUMN held_by  text[] NOT NULL DEFAULT '{}',
    ADD COLUMN alone_by text[] NOT NULL DEFAULT '{}';
