-- How many records the configuration dropped before landing, per event. At-least-once, as the landing tables are.
CREATE TABLE IF NOT EXISTS {{ argus }}.dropped_records {{ on_cluster }}
(
    workspace LowCardinality(String),
    event LowCardinality(String),
    record_count SimpleAggregateFunction(sum, UInt64)
)
ENGINE = {{ engine('AggregatingMergeTree') }}
ORDER BY (workspace, event)
