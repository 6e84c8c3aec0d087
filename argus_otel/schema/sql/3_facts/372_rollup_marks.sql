-- Until when all is summed up: sessions that changed before `settled_until` stand in session_rollup as they are now, by these
-- rules. Without a mark nothing does, and the views take everything from the facts: right all the same, only slower.
CREATE TABLE IF NOT EXISTS {{ argus }}.rollup_marks {{ on_cluster }}
(
    rules String, -- a checksum of the views that were summed up: a new version's rules begin anew
    settled_until SimpleAggregateFunction(max, DateTime('UTC'))
)
ENGINE = {{ engine_everywhere('AggregatingMergeTree') }}
ORDER BY rules
