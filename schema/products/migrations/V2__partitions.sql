-- The days of the journal. `run` owns nothing, so these functions do it with the rights of the owner.

-- Makes the partition of each day from `first` on that is not there; says how many those were. The table is made beside
-- the journal and then attached, which, other than PARTITION OF, does not wait for those who write.
CREATE FUNCTION product_events_make(first date, days bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '5s' SET client_min_messages = warning AS $$
DECLARE
    day  date;
    name text;
    made bigint := 0;
BEGIN
    FOR day IN SELECT first + n FROM generate_series(0, least(days, 100)::int - 1) AS n LOOP
        name := 'product_events_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        -- One maker at a time, and the lock that attaching takes: what another has made meanwhile is seen under it.
        LOCK TABLE ONLY product_events IN SHARE UPDATE EXCLUSIVE MODE;
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE product_events INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE product_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, day, day + 1);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Whether something of this day waits for the archive or for the recent store.
CREATE FUNCTION product_events_waits(day date) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM archive_pending WHERE received_on = day)
        OR EXISTS (SELECT FROM archive_files WHERE state = 'planned' AND day BETWEEN received_from AND received_to)
        OR EXISTS (SELECT FROM projection_queue WHERE received_on = day)
$$;

-- Drops the partition of the oldest day before `keep_from` of which nothing waits; says which day that was, or null. One
-- in each transaction: for a moment no other can use the journal, and where that moment does not come within two
-- seconds it is left for another time. What waits is looked for again when no other can add to it any more.
CREATE FUNCTION product_events_drop(keep_from date) RETURNS date
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    day  date;
    name text;
BEGIN
    FOR name, day IN
        SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'product_events'::regclass AND c.relname ~ '^product_events_[0-9]{8}$'
        ORDER BY 1
    LOOP
        EXIT WHEN day >= least(keep_from, (now() AT TIME ZONE 'UTC')::date - 1);
        CONTINUE WHEN product_events_waits(day);
        LOCK TABLE ONLY product_events IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
        CONTINUE WHEN product_events_waits(day);
        EXECUTE format('DROP TABLE %I', name);
        RETURN day;
    END LOOP;
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION product_events_make(date, bigint), product_events_waits(date), product_events_drop(date) FROM PUBLIC;
