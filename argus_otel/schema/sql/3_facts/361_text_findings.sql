-- What was found in a text: which rule, how often; no words of it. One row per text and rule, a pure function of the text.
CREATE TABLE IF NOT EXISTS {{ argus }}.text_findings {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String,
    thing Enum8('prompt' = 1, 'api_request' = 2, 'api_error' = 3, 'tool_call' = 4, 'message' = 5, 'subagent' = 6, 'event' = 7, 'metric' = 8),
    identity String,
    field LowCardinality(String),
    leg Enum8('native' = 1, 'hook' = 2, 'import' = 3),
    record LowCardinality(String),
    ts DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    kind Enum8('risk' = 1, 'redaction' = 2),
    rule LowCardinality(String), -- of risk_rules.json; of a redaction what its marker says, or other
    match_count UInt32
)
ENGINE = {{ engine('ReplacingMergeTree') }}
{{ partition_by('toYYYYMM(ts)') }}
ORDER BY (workspace, session_id, thing, identity, field, leg, record, ts, kind, rule)
SETTINGS index_granularity = 1024, {{ parts_gone_at_once }}
