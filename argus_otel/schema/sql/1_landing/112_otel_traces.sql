-- Spans as the collector's clickhouseexporter makes them. Below the line: what that schema cannot hold.
CREATE TABLE IF NOT EXISTS {{ otel }}.otel_traces {{ on_cluster }}
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    Links Nested(TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    ResourceAttributeItems Array(String) ALIAS arrayMap(pair -> concat(pair.1, '=', pair.2), CAST(ResourceAttributes, 'Array(Tuple(String, String))')),
    SpanAttributeItems Array(String) ALIAS arrayMap(pair -> concat(pair.1, '=', pair.2), CAST(SpanAttributes, 'Array(Tuple(String, String))')),
    ---------------------------------------------------------------------------------------------------------------
    workspace LowCardinality(String) DEFAULT 'default',
    StartTimeUnixNano UInt64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)), -- the span's own times, even absurd ones
    EndTimeUnixNano UInt64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)),
    Flags UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) DEFAULT '',
    ScopeSchemaUrl LowCardinality(String) DEFAULT '',
    ScopeAttributes Map(LowCardinality(String), String) DEFAULT map() CODEC(ZSTD(1)),
    SpanAttributeTypes Map(LowCardinality(String), LowCardinality(String)) DEFAULT map() CODEC(ZSTD(1)), -- of non-strings
    ResourceAttributeTypes Map(LowCardinality(String), LowCardinality(String)) DEFAULT map() CODEC(ZSTD(1)),
    ScopeAttributeTypes Map(LowCardinality(String), LowCardinality(String)) DEFAULT map() CODEC(ZSTD(1)),
    EventAttributeTypes Array(Map(LowCardinality(String), LowCardinality(String))) DEFAULT [] CODEC(ZSTD(1)),
    EventTimesUnixNano Array(UInt64) DEFAULT [] CODEC(ZSTD(1)),
    EventDroppedAttributesCounts Array(UInt32) DEFAULT [] CODEC(ZSTD(1)),
    LinkAttributeTypes Array(Map(LowCardinality(String), LowCardinality(String))) DEFAULT [] CODEC(ZSTD(1)),
    LinkDroppedAttributesCounts Array(UInt32) DEFAULT [] CODEC(ZSTD(1)),
    LinkFlags Array(UInt32) DEFAULT [] CODEC(ZSTD(1)),
    DroppedAttributesCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    DroppedEventsCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    DroppedLinksCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    ResourceDroppedAttributesCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    ScopeDroppedAttributesCount UInt32 DEFAULT 0 CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {{ parts_gone_at_once }}
