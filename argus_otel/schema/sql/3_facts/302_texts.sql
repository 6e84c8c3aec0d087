-- What was said and done, in words: apart from the facts, so that a reader of numbers can be granted nothing of it and
-- erasing a text touches no number. One row per text that one record carries.
CREATE TABLE IF NOT EXISTS {{ argus }}.texts {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String,
    thing Enum8('prompt' = 1, 'api_request' = 2, 'api_error' = 3, 'tool_call' = 4, 'message' = 5, 'subagent' = 6, 'event' = 7, 'metric' = 8),
    identity String,
    field LowCardinality(String), -- prompt, response, input, output, error, note
    leg Enum8('native' = 1, 'hook' = 2),
    record LowCardinality(String),
    ts DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    text String CODEC(ZSTD(3)),
    is_truncated Bool
)
ENGINE = {{ engine('ReplacingMergeTree') }}
{{ partition_by('toYYYYMM(ts)') }}
ORDER BY (workspace, session_id, thing, identity, field, leg, record, ts)
SETTINGS index_granularity = 1024, {{ parts_gone_at_once }}
