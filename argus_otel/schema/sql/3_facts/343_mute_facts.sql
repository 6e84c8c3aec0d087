-- Whom alerts leave alone, as an operator set it: one row per setting and per removal, of which the latest counts.
CREATE TABLE IF NOT EXISTS {{ argus }}.mute_facts {{ on_cluster }}
(
    rule LowCardinality(String), -- an alert's name; '' for all
    workspace LowCardinality(String), -- '' for all
    user_key String, -- as in people_facts; '' for all
    set_at DateTime64(9),
    reason String,
    is_removed Bool
)
ENGINE = {{ engine_everywhere('ReplacingMergeTree') }}
ORDER BY (rule, workspace, user_key, set_at)
