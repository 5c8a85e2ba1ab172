-- Places of the public data sets, and the imports that bring them.
--
-- pg_trgm is a "trusted" extension: whoever owns the database may create it, no superuser is needed.
-- It stands in public, which the roles of the domains search after their own schema.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;

CREATE TABLE places (
    id                integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source            text    NOT NULL CHECK (source IN ('keco', 'zerowaste')),
    source_pk         text    NOT NULL,
    name              text    NOT NULL,
    road_address      text,
    lot_address       text,
    latitude          float8  NOT NULL CHECK (latitude BETWEEN -85 AND 85),
    longitude         float8  NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    store_category    text    NOT NULL,
    pickup_categories text[]  NOT NULL,
    phone             text,
    hours             text,   -- JSON, see services/location/opening.py; null: the source says nothing
    collection_items  text,
    introduction      text,
    letters           text    NOT NULL, -- what the search looks into; its first line is the name
    -- Mercator's projection in radians. It keeps angles, so around any one point distances are all
    -- stretched alike, and the nearest by this index are the nearest on the globe but for less than
    -- one in a hundred within 50 km; what the query fetches is put in exact order afterwards.
    spot              point   NOT NULL GENERATED ALWAYS AS (
        point(radians(longitude), ln(tan(pi() / 4 + radians(latitude) / 2)))
    ) STORED,
    changed_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, source_pk)
);

CREATE INDEX places_by_letters ON places USING gin (letters gin_trgm_ops);
CREATE INDEX places_by_first_letters ON places (left(letters, 20) text_pattern_ops);

-- Nearest first, of all places and of each category: a filter that was applied to the index of all
-- would walk through everything that lies nearer than the few places of a rare category.
CREATE INDEX places_nearby ON places USING gist (spot);
CREATE INDEX places_nearby_store_refill_zero ON places USING gist (spot)
    WHERE store_category = 'refill_zero';
CREATE INDEX places_nearby_store_cafe_bakery ON places USING gist (spot)
    WHERE store_category = 'cafe_bakery';
CREATE INDEX places_nearby_store_vegan_dining ON places USING gist (spot)
    WHERE store_category = 'vegan_dining';
CREATE INDEX places_nearby_store_upcycle_recycle ON places USING gist (spot)
    WHERE store_category = 'upcycle_recycle';
CREATE INDEX places_nearby_store_book_workshop ON places USING gist (spot)
    WHERE store_category = 'book_workshop';
CREATE INDEX places_nearby_store_market_mart ON places USING gist (spot)
    WHERE store_category = 'market_mart';
CREATE INDEX places_nearby_store_lodging ON places USING gist (spot)
    WHERE store_category = 'lodging';
CREATE INDEX places_nearby_store_public_dropbox ON places USING gist (spot)
    WHERE store_category = 'public_dropbox';
CREATE INDEX places_nearby_store_general ON places USING gist (spot)
    WHERE store_category = 'general';
CREATE INDEX places_nearby_pickup_clear_pet ON places USING gist (spot)
    WHERE pickup_categories @> '{clear_pet}';
CREATE INDEX places_nearby_pickup_colored_pet ON places USING gist (spot)
    WHERE pickup_categories @> '{colored_pet}';
CREATE INDEX places_nearby_pickup_can ON places USING gist (spot)
    WHERE pickup_categories @> '{can}';
CREATE INDEX places_nearby_pickup_paper ON places USING gist (spot)
    WHERE pickup_categories @> '{paper}';
CREATE INDEX places_nearby_pickup_plastic ON places USING gist (spot)
    WHERE pickup_categories @> '{plastic}';
CREATE INDEX places_nearby_pickup_glass ON places USING gist (spot)
    WHERE pickup_categories @> '{glass}';
CREATE INDEX places_nearby_pickup_textile ON places USING gist (spot)
    WHERE pickup_categories @> '{textile}';
CREATE INDEX places_nearby_pickup_electronics ON places USING gist (spot)
    WHERE pickup_categories @> '{electronics}';
CREATE INDEX places_nearby_pickup_general ON places USING gist (spot)
    WHERE pickup_categories @> '{general}';

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
