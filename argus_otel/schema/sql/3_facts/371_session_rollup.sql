-- What the views say of each session, kept as of `rolled_at`: derived, so it may be emptied at any time (with rollup_marks). One row
-- holds all of a session and is replaced whole, so a figure that moved to another hour leaves nothing behind. Not
-- partitioned by time, because none of a session's times is settled.
CREATE TABLE IF NOT EXISTS {{ argus }}.session_rollup {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String,
    rolled_at DateTime64(9) CODEC(ZSTD(1)),
    -- As argus.sessions has them.
    surface LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    user_email String CODEC(ZSTD(1)),
    organization_id String CODEC(ZSTD(1)),
    client_version LowCardinality(String),
    started_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    ended_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    is_ended Bool,
    coverage LowCardinality(String),
    is_private Bool, -- then; the views ask again
    turn_count UInt64 CODEC(ZSTD(1)),
    human_turn_count UInt64 CODEC(ZSTD(1)),
    api_request_count UInt64 CODEC(ZSTD(1)),
    api_error_count UInt64 CODEC(ZSTD(1)),
    cost_nanousd Int64 CODEC(ZSTD(1)),
    cost_source LowCardinality(String),
    input_tokens UInt64 CODEC(ZSTD(1)),
    output_tokens UInt64 CODEC(ZSTD(1)),
    cache_read_tokens UInt64 CODEC(ZSTD(1)),
    cache_creation_tokens UInt64 CODEC(ZSTD(1)),
    tool_call_count UInt64 CODEC(ZSTD(1)),
    tool_failure_count UInt64 CODEC(ZSTD(1)),
    tool_rejected_count UInt64 CODEC(ZSTD(1)),
    subagent_count UInt64 CODEC(ZSTD(1)),
    models Array(LowCardinality(String)) CODEC(ZSTD(1)),
    tools Array(LowCardinality(String)) CODEC(ZSTD(1)),
    skills Array(LowCardinality(String)) CODEC(ZSTD(1)),
    mcp_servers Array(LowCardinality(String)) CODEC(ZSTD(1)),
    versions Map(String, String) CODEC(ZSTD(1)),
    attributes Map(String, String) CODEC(ZSTD(1)),
    unmatched_count UInt64 CODEC(ZSTD(1)),
    lines_added Nullable(UInt64) CODEC(ZSTD(1)),
    lines_removed Nullable(UInt64) CODEC(ZSTD(1)),
    commit_count Nullable(UInt64) CODEC(ZSTD(1)),
    pull_request_count Nullable(UInt64) CODEC(ZSTD(1)),
    active_time_s Nullable(Float64) CODEC(ZSTD(1)),
    outcome LowCardinality(String),
    -- As argus.session_origins has them.
    enduser_id String MATERIALIZED attributes['enduser.id'] CODEC(ZSTD(1)),
    sent_team LowCardinality(String) MATERIALIZED attributes['team'],
    repository LowCardinality(String) MATERIALIZED attributes['repository'],
    -- As argus.cost_cells, tools_cells and activity_cells have them.
    cost_cells Array(Tuple(
        hour DateTime('UTC'), model LowCardinality(String), query_source LowCardinality(String), agent_type LowCardinality(String),
        skill LowCardinality(String), mcp_server LowCardinality(String), request_count UInt64, cost_nanousd Int64,
        input_tokens UInt64, output_tokens UInt64, cache_read_tokens UInt64, cache_creation_tokens UInt64)) CODEC(ZSTD(1)),
    tools_cells Array(Tuple(
        hour DateTime('UTC'), tool_name LowCardinality(String), mcp_server LowCardinality(String), skill LowCardinality(String), skill_hash String,
        decision LowCardinality(String), decision_source LowCardinality(String), success Nullable(Bool), error_type LowCardinality(String),
        call_count UInt64, failure_count UInt64, rejected_count UInt64, durations_ms Array(UInt32), input_bytes UInt64, output_bytes UInt64)) CODEC(ZSTD(1)),
    activity_cells Array(Tuple(hour DateTime('UTC'), metric LowCardinality(String), detail LowCardinality(String), value_milli Int64)) CODEC(ZSTD(1))
)
ENGINE = {{ engine('ReplacingMergeTree', 'rolled_at') }}
ORDER BY (workspace, session_id)
SETTINGS index_granularity = 1024
