-- Which attributes (attributes.jinja) at least one record of an event had in a session, by the version that sent it. Merged by
-- minimum and bitwise OR only, so repeated, late and reordered records change nothing.
CREATE TABLE IF NOT EXISTS {{ argus }}.attribute_facts {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String, -- '' of records that lack it
    event LowCardinality(String),
    client_version LowCardinality(String),
    first_at SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    present SimpleAggregateFunction(groupBitOr, UInt32) CODEC(ZSTD(1))
)
ENGINE = {{ engine('AggregatingMergeTree') }}
{{ partition_by('toYYYYMM(first_at)') }}
ORDER BY (workspace, session_id, event, client_version)
SETTINGS index_granularity = 8192
