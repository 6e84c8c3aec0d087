-- Who is who, as an operator imported it (docs/people-and-budgets.md). An import is whole: of all rows those of the latest
-- count, the former ones are deleted after it. Nothing that an agent sent stands here.
CREATE TABLE IF NOT EXISTS {{ argus }}.people_facts {{ on_cluster }}
(
    imported_at DateTime64(9),
    user_key String, -- an e-mail in lower case, or a user id; who has both has two rows
    user_name String,
    team LowCardinality(String),
    cost_centre LowCardinality(String)
)
ENGINE = {{ engine_everywhere('ReplacingMergeTree') }}
ORDER BY (imported_at, user_key)
