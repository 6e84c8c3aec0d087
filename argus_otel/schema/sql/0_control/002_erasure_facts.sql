-- Which sessions are private, and how far their erasure is: one row per step. That a session stands here makes it private: the
-- explode views strip its records before they are stored, and the text views leave its texts out.
CREATE TABLE IF NOT EXISTS {{ argus }}.erasure_facts {{ on_cluster }}
(
    workspace LowCardinality(String),
    session_id String,
    step Enum8('asked' = 1, 'unreadable' = 2, 'gone' = 3),
    source LowCardinality(String), -- of who asked: hook, native, command
    at DateTime64(9),
    asked_by String, -- the user as the record names it, or who gave the command; never content
    row_count UInt64 -- erased by this step
)
ENGINE = {{ engine('ReplacingMergeTree') }}
ORDER BY (workspace, session_id, step, source, at)
