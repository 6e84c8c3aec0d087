-- otel_metrics_sum -> facts: the meters, as a check on the events and a fallback where there are none.
-- A delta point counts by itself; of the points of one cumulative series the highest counts, per start of the process.
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.metrics_to_facts {{ on_cluster }} TO {{ argus }}.facts AS
WITH
    Attributes['type'] AS kind,
    MetricName = 'claude_code.token.usage' AS is_tokens,
    accurateCastOrNull(round(Value), 'UInt64') AS tokens,
    sipHash64(MetricName, mapKeys(Attributes), mapValues(Attributes), toDateTime64(StartTimeUnix, 9), if(AggregationTemporality = 2, 0, toUnixTimestamp64Nano(toDateTime64(TimeUnix, 9)))) AS series_hash
SELECT
    workspace,
    'metric' AS thing,
    Attributes['session.id'] AS session_id,
    concat(lower(hex(series_hash)), '-', toString(toUnixTimestamp64Nano(toDateTime64(TimeUnix, 9)))) AS identity,
    'native' AS leg,
    MetricName AS record,
    toDateTime64(TimeUnix, 9) AS ts,
    Attributes['agent.name'] AS agent_type,
    Attributes['model'] AS model,
    Attributes['query_source'] AS query_source,
    Attributes['tool_name'] AS tool_name,
    Attributes['mcp_server.name'] AS mcp_server,
    Attributes['skill.name'] AS skill,
    Attributes['decision'] AS decision,
    Attributes['source'] AS decision_source,
    {{ facts.or_else('kind', "Attributes['start_type']") }} AS detail,
    if(MetricName = 'claude_code.cost.usage', accurateCastOrNull(round(Value * 1e9), 'Int64'), NULL) AS cost_nanousd,
    if(is_tokens AND kind = 'input', tokens, NULL) AS input_tokens,
    if(is_tokens AND kind = 'output', tokens, NULL) AS output_tokens,
    if(is_tokens AND kind = 'cacheRead', tokens, NULL) AS cache_read_tokens,
    if(is_tokens AND kind = 'cacheCreation', tokens, NULL) AS cache_creation_tokens,
    series_hash AS series,
    if(is_tokens OR MetricName = 'claude_code.cost.usage', NULL, Value) AS value
FROM {{ records('otel_metrics_sum', facts.is_agent_point()) }}
WHERE {{ facts.is_agent_point() }} AND Attributes['session.id'] != ''
