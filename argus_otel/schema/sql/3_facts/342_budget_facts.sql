-- What may be spent in a month, as an operator set it: one row per setting and per removal, of which the latest counts.
CREATE TABLE IF NOT EXISTS {{ argus }}.budget_facts {{ on_cluster }}
(
    scope Enum8('workspace' = 1, 'team' = 2, 'user' = 3),
    name String, -- of the workspace or the team; of a user as dashboards show them
    set_at DateTime64(9),
    month_nanousd Int64,
    is_removed Bool
)
ENGINE = {{ engine_everywhere('ReplacingMergeTree') }}
ORDER BY (scope, name, set_at)
