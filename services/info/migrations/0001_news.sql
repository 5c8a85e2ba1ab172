-- News as collectors brought them.
--
-- A list is read by keyset, newest first: (published_at, id) from the last row of the page before.
-- Ids compare as bytes, which is also the order of the cached feeds, so that a list may go on in
-- either. published_at is whole milliseconds, because that is what a cursor can say.
CREATE TABLE news_articles (
    id              text        COLLATE "C" PRIMARY KEY,
    url_key         bytea       NOT NULL UNIQUE,  -- digest of the canonical address
    url             text        NOT NULL,
    title           text        NOT NULL,
    snippet         text        NOT NULL,
    source          text        NOT NULL CHECK (source IN ('naver', 'newsdata', 'rss')),
    source_name     text        NOT NULL,
    category        text        NOT NULL CHECK (category IN ('environment', 'energy', 'ai')),
    published_at    timestamptz NOT NULL,
    thumbnail_url   text,
    source_icon_url text,
    video_url       text,
    keywords        text[]      NOT NULL DEFAULT '{}',
    ai_tag          text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);

-- One index for each combination of filters, so that a page costs its rows whatever is rare.
CREATE INDEX news_recent             ON news_articles (published_at, id);
CREATE INDEX news_by_category        ON news_articles (category, published_at, id);
CREATE INDEX news_by_source          ON news_articles (source, published_at, id);
CREATE INDEX news_by_category_source ON news_articles (category, source, published_at, id);

CREATE INDEX news_recent_pictured ON news_articles (published_at, id)
    WHERE thumbnail_url IS NOT NULL;
CREATE INDEX news_by_category_pictured ON news_articles (category, published_at, id)
    WHERE thumbnail_url IS NOT NULL;
CREATE INDEX news_by_source_pictured ON news_articles (source, published_at, id)
    WHERE thumbnail_url IS NOT NULL;
CREATE INDEX news_by_category_source_pictured ON news_articles (category, source, published_at, id)
    WHERE thumbnail_url IS NOT NULL;
