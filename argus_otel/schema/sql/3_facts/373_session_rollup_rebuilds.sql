-- As argus.rebuild_cells has them.
ALTER TABLE {{ argus }}.session_rollup {{ on_cluster }} ADD COLUMN IF NOT EXISTS rebuild_cells Array(Tuple(
    hour DateTime('UTC'), model LowCardinality(String), rebuild_count UInt64, cost_nanousd Int64, cache_creation_tokens UInt64)) CODEC(ZSTD(1))
