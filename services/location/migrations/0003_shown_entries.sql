-- What lists show of a place is kept as the message it becomes (services/location/entries.py), so
-- that an answer is put together instead of built. For the places that are there the message
-- (LocationEntry of proto/eco2/location/v1) is written out here; imports bring it along.

CREATE FUNCTION pg_temp.field(number integer, value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(set_byte('\x00', 0, number * 8 + 2) || CASE
        WHEN length(value) < 128 THEN set_byte('\x00', 0, length(value))
        ELSE set_byte(set_byte('\x0000', 0, length(value) % 128 + 128), 1, length(value) / 128)
    END || value, '')
$$;

CREATE FUNCTION pg_temp.field(number integer, value text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.field(number, convert_to(value, 'UTF8'))
$$;

CREATE FUNCTION pg_temp.field(number integer, value float8) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT set_byte('\x00', 0, number * 8 + 1)
        || string_agg(substr(float8send(value), place, 1), '' ORDER BY place DESC)
      FROM generate_series(1, 8) AS place
$$;

ALTER TABLE places ADD COLUMN shown bytea;

UPDATE places SET shown =
       pg_temp.field(2, name) || pg_temp.field(3, source) || pg_temp.field(4, road_address)
    || pg_temp.field(5, latitude) || pg_temp.field(6, longitude)
    || pg_temp.field(9, store_category)
    || (SELECT coalesce(string_agg(pg_temp.field(10, takes), '' ORDER BY place), '')
          FROM unnest(pickup_categories) WITH ORDINALITY AS each (takes, place))
    || pg_temp.field(15, phone);

ALTER TABLE places ALTER COLUMN shown SET NOT NULL;

TRUNCATE staged_places;
ALTER TABLE staged_places ADD COLUMN shown bytea NOT NULL;
