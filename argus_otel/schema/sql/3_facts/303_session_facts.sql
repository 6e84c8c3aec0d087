-- What the records of a session say of the session itself: when, who, where, which version. Merged by minimum, maximum and
-- union only, so repeated, late and reordered records change nothing. Identity is late-bound: any record may bring it.
CREATE TABLE IF NOT EXISTS {{ argus }}.session_facts {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String,
    leg Enum8('native' = 1, 'hook' = 2),
    first_at SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    last_at SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1)),
    user_id SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    user_email SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    organization_id SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    client_version SimpleAggregateFunction(max, Tuple(DateTime64(9), String)) CODEC(ZSTD(1)), -- the latest wins
    services SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
    entrypoints SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
    query_sources SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
    attributes SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(String, String))) CODEC(ZSTD(1)),
    versions SimpleAggregateFunction(groupUniqArrayArray, Array(Tuple(String, String))) CODEC(ZSTD(1)),
    has_keyless_calls SimpleAggregateFunction(max, Bool), -- events of API calls without the request id that spans have
    is_ended SimpleAggregateFunction(max, Bool),
    is_private SimpleAggregateFunction(max, Bool)
)
ENGINE = {{ engine('AggregatingMergeTree') }}
{{ partition_by('toYYYYMM(first_at)') }}
ORDER BY (workspace, session_id, leg)
SETTINGS index_granularity = 1024
