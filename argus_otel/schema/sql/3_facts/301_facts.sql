-- What each record says of one thing, in numbers and labels; no text. A fact row is one record and a pure function of it,
-- so a repeated record is the same row. The views bring the records of one thing together: GROUP BY its identity.
--
--   thing         identity                     records (native)                                       records (hook)
--   prompt        prompt id                    user_prompt                                            user_prompt
--   api_request   request id                   api_request, assistant_response, llm_request (span)
--   api_error     request id                   api_error, llm_request (span)
--   tool_call     tool use id                  tool_decision, tool_result, tool, tool.execution       tool_call, tool_result
--   message       message's own identity       assistant_response without a request id                display, stop
--   subagent      agent id                     subagent_completed                                     subagent_start, subagent_stop
--   event         the record's own identity    skill_activated, compaction                            session_start, session_end, compaction, …
--   metric        series, start and time       a data point
CREATE TABLE IF NOT EXISTS {{ argus }}.facts {{ on_cluster }}
(
    workspace LowCardinality(String),
    thing Enum8('prompt' = 1, 'api_request' = 2, 'api_error' = 3, 'tool_call' = 4, 'message' = 5, 'subagent' = 6, 'event' = 7, 'metric' = 8),
    session_id String,
    identity String,
    leg Enum8('native' = 1, 'hook' = 2),
    record LowCardinality(String),
    ts DateTime64(9) CODEC(Delta(8), LZ4),
    prompt_id String,
    agent_id String,
    request_id String,
    agent_type LowCardinality(String),
    model LowCardinality(String),
    query_source LowCardinality(String),
    tool_name LowCardinality(String),
    mcp_server LowCardinality(String),
    skill LowCardinality(String),
    skill_hash String,
    decision LowCardinality(String),
    decision_source LowCardinality(String),
    error_type LowCardinality(String),
    detail LowCardinality(String), -- what kind of event; a metric's name
    success Nullable(Bool),
    is_human Nullable(Bool),
    cost_nanousd Nullable(Int64), -- reported cost in 10^-9 USD: integers add up exactly
    estimated_nanousd Nullable(Int64), -- its tokens at list price, where a record reports no cost
    input_tokens Nullable(UInt64), -- without the cached ones
    output_tokens Nullable(UInt64),
    cache_read_tokens Nullable(UInt64),
    cache_creation_tokens Nullable(UInt64),
    duration_ms Nullable(UInt64),
    ttft_ms Nullable(UInt64),
    input_bytes Nullable(UInt64),
    output_bytes Nullable(UInt64),
    text_length Nullable(UInt64), -- of the original text, in UTF-16 units, as both legs measure it
    series UInt64, -- a metric's points that count once: the highest of them is the value
    value Nullable(Float64) -- of metrics that are neither cost nor tokens
)
ENGINE = {{ engine('ReplacingMergeTree') }}
{{ partition_by('toYYYYMM(ts)') }}
-- The time last: an agent may stop twice, and those are two records of one thing.
ORDER BY (workspace, thing, session_id, identity, leg, record, ts)
SETTINGS index_granularity = 8192
