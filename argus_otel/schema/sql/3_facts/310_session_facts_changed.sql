-- When the engine last took in a record of the session, by its own clock: what was summed up before that is summed up anew.
ALTER TABLE {{ argus }}.session_facts {{ on_cluster }} ADD COLUMN IF NOT EXISTS changed_at SimpleAggregateFunction(max, DateTime('UTC')) DEFAULT toDateTime(0, 'UTC') CODEC(ZSTD(1))
