-- How old a value is, read and written by functions that a distributed Postgres takes in DO UPDATE: there all must be
-- IMMUTABLE, and the casts between text and times are not, because they depend on settings of the session. These do not: an
-- age names its zone, in ISO 8601, which is read alike under all settings; and it is written under a setting of its own.
CREATE FUNCTION value_age(ages jsonb, name text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (ages ->> name)::timestamptz
$$;

CREATE FUNCTION value_ages_of(names text[], ages timestamptz[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET timezone = 'UTC' AS $$
    SELECT jsonb_object_agg(u.name, u.age) FROM unnest(names, ages) AS u (name, age) WHERE u.age IS NOT NULL
$$;
