-- Places of the public data sets, and the imports that bring them.
--
-- The extensions are "trusted": whoever owns the database may create them, no superuser is needed
-- (earthdistance is not, so the sphere is written out here). They stand in public, which the roles
-- of the domains search after their own schema.
CREATE EXTENSION IF NOT EXISTS cube SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;

CREATE TABLE places (
    id                integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source            text    NOT NULL CHECK (source IN ('keco', 'zerowaste')),
    source_pk         text    NOT NULL,
    name              text    NOT NULL,
    road_address      text,
    lot_address       text,
    latitude          float8  NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude         float8  NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    store_category    text    NOT NULL,
    pickup_categories text[]  NOT NULL,
    phone             text,
    hours             text,   -- JSON, see services/location/opening.py; null: the source says nothing
    collection_items  text,
    introduction      text,
    letters           text    NOT NULL, -- what the search looks into; its first line is the name
    -- The place on a sphere of radius 1. Straight lines through it grow with the distance along it,
    -- so the nearest by this index are the nearest on the globe.
    position          cube    NOT NULL GENERATED ALWAYS AS (
        cube(ARRAY[
            cos(radians(latitude)) * cos(radians(longitude)),
            cos(radians(latitude)) * sin(radians(longitude)),
            sin(radians(latitude))
        ])
    ) STORED,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, source_pk)
);

CREATE INDEX places_by_position ON places USING gist (position);
CREATE INDEX places_by_letters ON places USING gin (letters gin_trgm_ops);
CREATE INDEX places_by_name ON places (letters text_pattern_ops);

-- Rows of imports that are under way; what a crash of the server loses is imported again.
CREATE UNLOGGED TABLE staged_places (
    import_id         uuid    NOT NULL,
    line              integer NOT NULL,
    source            text    NOT NULL,
    source_pk         text    NOT NULL,
    name              text    NOT NULL,
    road_address      text,
    lot_address       text,
    latitude          float8  NOT NULL,
    longitude         float8  NOT NULL,
    store_category    text    NOT NULL,
    pickup_categories text[]  NOT NULL,
    phone             text,
    hours             text,
    collection_items  text,
    introduction      text,
    letters           text    NOT NULL,
    staged_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (import_id, source_pk)
);
