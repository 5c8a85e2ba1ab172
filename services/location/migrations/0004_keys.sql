-- What words are looked up in is written in the keys that type it (services/location/wording.py):
-- one byte a letter instead of three, which makes rows shorter and the index of trigrams cheaper.
-- What was written before has letters for keys; two-letter ones had been taken apart already.
--
-- A place keeps the keys it is filed under (services/location/filing.py), so that the spots it is
-- filed at can be worked out: the quadtree finds them, and no further index is needed for that. What
-- it takes has a bit for each thing, as in filed_places.

DROP INDEX places_by_letters;
DROP INDEX places_by_first_letters;
DROP INDEX filed_places_by_place;

ALTER TABLE places
    ADD COLUMN keys  smallint[],
    ADD COLUMN takes smallint;

UPDATE places SET
    letters = translate(
        replace(replace(replace(replace(replace(letters,
            'ㄲ', 'ㄱㄱ'), 'ㄸ', 'ㄷㄷ'), 'ㅃ', 'ㅂㅂ'), 'ㅆ', 'ㅅㅅ'), 'ㅉ', 'ㅈㅈ'),
        'ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅒㅖ', 'qwertyuiopasdfghjklzxcvbnmop'),
    keys = (
        SELECT kind || things || ARRAY(SELECT kind + thing FROM unnest(things) AS thing)
          FROM (SELECT 32 * array_position('{refill_zero, cafe_bakery, vegan_dining,
                           upcycle_recycle, book_workshop, market_mart, lodging, public_dropbox,
                           general}', store_category) AS kind,
                       ARRAY(SELECT array_position('{clear_pet, colored_pet, can, paper, plastic,
                                        glass, textile, electronics, general}', name)
                               FROM unnest(pickup_categories) AS name ORDER BY 1) AS things
               ) AS numbered
    )::smallint[],
    takes = (
        SELECT coalesce(sum(1 << array_position('{clear_pet, colored_pet, can, paper, plastic,
                                glass, textile, electronics, general}', name) - 1), 0)
          FROM unnest(pickup_categories) AS name
    );

ALTER TABLE places
    ALTER COLUMN keys SET NOT NULL,
    ALTER COLUMN takes SET NOT NULL;

CREATE INDEX places_by_letters ON places USING gin (letters gin_trgm_ops);
CREATE INDEX places_by_first_letters ON places (left(letters, 20) text_pattern_ops);

-- New entries of the index are kept in a list that every search has to read through. An import
-- sorts them in once at its end, which takes less time than doing so every 4 MB; only the owner of
-- an index may.
CREATE FUNCTION sort_in_letters() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT gin_clean_pending_list('location.places_by_letters') $$;

-- What is staged now is imported again.
TRUNCATE staged_places;
