-- One row per session. What the records say of the session, what its things add up to, and what the meters say, each as
-- rows of one shape, then one GROUP BY: a predicate on workspace and session_id reaches the primary keys of all three.
{% import 'merge.jinja' as merge with context %}
{% import 'private.jinja' as private with context %}
{% import 'sessions.jinja' as sessions with context %}
{% set columns = [
    ('first_at', "CAST(NULL, 'Nullable(DateTime64(9))')"), ('last_at', "CAST(NULL, 'Nullable(DateTime64(9))')"), ('is_live', 'false'),
    ('legs', "CAST([], 'Array(String)')"),
    ('user_id', "''"), ('user_email', "''"), ('organization_id', "''"), ('client_version', "(toDateTime64(0, 9), '')"),
    ('services', "CAST([], 'Array(String)')"), ('entrypoints', "CAST([], 'Array(String)')"), ('query_sources', "CAST([], 'Array(String)')"),
    ('attributes', "CAST([], 'Array(Tuple(String, String))')"), ('versions', "CAST([], 'Array(Tuple(String, String))')"),
    ('is_ended', 'false'), ('is_opted_out', 'false'),
    ('turn_count', 'toUInt64(0)'), ('human_turn_count', 'toUInt64(0)'),
    ('api_request_count', 'toUInt64(0)'), ('reported_count', 'toUInt64(0)'), ('logged_error_count', 'toUInt64(0)'), ('span_error_count', 'toUInt64(0)'),
    ('requested_nanousd', 'toInt64(0)'), ('input_tokens', 'toUInt64(0)'), ('output_tokens', 'toUInt64(0)'), ('cache_read_tokens', 'toUInt64(0)'), ('cache_creation_tokens', 'toUInt64(0)'),
    ('tool_call_count', 'toUInt64(0)'), ('tool_failure_count', 'toUInt64(0)'), ('tool_rejected_count', 'toUInt64(0)'), ('subagent_count', 'toUInt64(0)'), ('underived_count', 'toUInt64(0)'),
    ('message_count', 'toUInt64(0)'), ('edit_count', 'toUInt64(0)'), ('last_decision', "(toDateTime64(0, 9), '', false)"),
    ('last_request_at', 'toDateTime64(0, 9)'), ('last_error_at', 'toDateTime64(0, 9)'),
    ('models', "CAST([], 'Array(String)')"), ('tools', "CAST([], 'Array(String)')"), ('skills', "CAST([], 'Array(String)')"), ('mcp_servers', "CAST([], 'Array(String)')"),
    ('metered_nanousd', 'toInt64(0)'), ('metered_input_tokens', 'toUInt64(0)'), ('metered_output_tokens', 'toUInt64(0)'), ('metered_cache_read_tokens', 'toUInt64(0)'), ('metered_cache_creation_tokens', 'toUInt64(0)'),
    ('is_metered', 'false'), ('added_count', 'toUInt64(0)'), ('removed_count', 'toUInt64(0)'), ('metered_commit_count', 'toUInt64(0)'), ('metered_pull_request_count', 'toUInt64(0)'), ('active_time_ms', 'toUInt64(0)'),
] %}
{% macro row() %}workspace, session_id{% for name, empty in columns %}, {{ kwargs.get(name, empty) }} AS {{ name }}{% endfor %}{% endmacro %}
CREATE OR REPLACE VIEW {{ argus }}.sessions {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    {{ sessions.surface('all_services', 'all_query_sources', 'all_entrypoints') }} AS surface,
    user_id,
    user_email,
    organization_id,
    client_version,
    toDateTime64(coalesce(began_at, toDateTime64(0, 9)), 3, 'UTC') AS started_at,
    toDateTime64(coalesce(active_at, toDateTime64(0, 9)), 3, 'UTC') AS ended_at,
    is_ended,
    multiIf(NOT has(all_legs, 'native'), 'hook', length(all_legs) > 1, 'both', 'native') AS coverage,
    toBool(is_opted_out OR {{ private.is_private('session_id') }}) AS is_private,
    turn_count,
    human_turn_count,
    api_request_count,
    if(logged_error_count > 0, logged_error_count, span_error_count) AS api_error_count,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    multiIf(reported_count = 0 AND metered_nanousd > 0, 'metrics', reported_count > 0 AND reported_count = api_request_count, 'events', 'estimated') AS cost_source,
    if(api_request_count > 0, input_tokens, metered_input_tokens) AS input_tokens,
    if(api_request_count > 0, output_tokens, metered_output_tokens) AS output_tokens,
    if(api_request_count > 0, cache_read_tokens, metered_cache_read_tokens) AS cache_read_tokens,
    if(api_request_count > 0, cache_creation_tokens, metered_cache_creation_tokens) AS cache_creation_tokens,
    tool_call_count,
    tool_failure_count,
    tool_rejected_count,
    subagent_count,
    models,
    tools,
    skills,
    mcp_servers,
    {{ merge.one_per_key('all_versions') }} AS versions,
    {{ merge.one_per_key('all_attributes') }} AS attributes,
    if(coverage = 'both', underived_count, 0) AS unmatched_count, -- of both legs, without the key that would join them
    if(cost_source = 'metrics', metered_nanousd, requested_nanousd) AS cost_nanousd,
    -- A meter that was never raised sends nothing: nought where the session's telemetry has meters, else not known.
    if(is_metered, added_count, NULL) AS lines_added,
    if(is_metered, removed_count, NULL) AS lines_removed,
    if(is_metered, metered_commit_count, NULL) AS commit_count,
    if(is_metered, metered_pull_request_count, NULL) AS pull_request_count,
    if(is_metered, active_time_ms / 1e3, NULL) AS active_time_s,
    -- The first that is true: docs/views.md.
    multiIf(
        api_request_count + api_error_count + tool_call_count + message_count + metered_nanousd = 0, 'empty',
        api_error_count > 0 AND last_error_at >= last_request_at, 'failed',
        metered_commit_count + metered_pull_request_count > 0, 'delivered',
        last_decision.3, 'rejected',
        tool_failure_count >= 5 AND tool_failure_count * 10 >= tool_call_count * 3, 'struggling',
        edit_count + added_count + removed_count > 0, 'edited',
        'answered') AS outcome
FROM
(
    SELECT
        workspace,
        session_id,
        {% for name, _ in columns if name.endswith(('_count', '_nanousd', '_tokens', '_ms')) -%}
        sum(parts.{{ name }}) AS {{ name }},
        {% endfor -%}
        {% for name in ['models', 'tools', 'skills', 'mcp_servers'] -%}
        arraySort(groupUniqArrayArray(parts.{{ name }})) AS {{ name }},
        {% endfor -%}
        {% for name in ['legs', 'services', 'entrypoints', 'query_sources'] -%}
        groupUniqArrayArray(parts.{{ name }}) AS all_{{ name }},
        {% endfor -%}
        {% for name in ['attributes', 'versions'] -%}
        arraySort(groupUniqArrayArray(parts.{{ name }})) AS all_{{ name }},
        {% endfor -%}
        {% for name in ['user_id', 'user_email', 'organization_id', 'is_ended', 'is_opted_out', 'is_metered', 'last_decision', 'last_request_at', 'last_error_at'] -%}
        max(parts.{{ name }}) AS {{ name }},
        {% endfor -%}
        max(parts.client_version).2 AS client_version,
        coalesce(minIf(parts.first_at, is_live), min(parts.first_at)) AS began_at,
        coalesce(maxIf(parts.last_at, is_live), max(parts.last_at)) AS active_at
    FROM
    (
        -- What the records say of the session.
        SELECT {{ row(first_at='first_at', last_at='last_at', is_live="leg != 'import'", legs='[toString(leg)]', user_id='user_id', user_email='user_email', organization_id='organization_id',
            client_version='client_version', services='services', entrypoints='entrypoints', query_sources='query_sources', attributes='attributes', versions='versions',
            is_ended='is_ended', is_opted_out='is_private') }}
        FROM {{ argus }}.session_facts
        UNION ALL
        -- What its things add up to.
        SELECT {{ row(
            turn_count="uniqExactIf(sipHash64(things.prompt_id), things.prompt_id != '' AND thing IN ('prompt', 'api_request', 'tool_call'))", human_turn_count="countIf(thing = 'prompt' AND is_human)",
            api_request_count="countIf(thing = 'api_request')", reported_count='countIf(is_reported)',
            logged_error_count='countIf(is_logged_error)', span_error_count="countIf(thing = 'api_error' AND NOT is_logged_error)",
            requested_nanousd='sum(things.cost_nanousd)', input_tokens='sum(things.input_tokens)', output_tokens='sum(things.output_tokens)',
            cache_read_tokens='sum(things.cache_read_tokens)', cache_creation_tokens='sum(things.cache_creation_tokens)',
            tool_call_count="countIf(thing = 'tool_call')", tool_failure_count='countIf(success = false)', tool_rejected_count="countIf(decision = 'reject')",
            subagent_count="countIf(thing = 'subagent' AND is_started)", underived_count="countIf(is_derived AND thing IN ('tool_call', 'message'))",
            message_count="countIf(thing = 'message')", edit_count="countIf(success AND tool_name IN ('Edit', 'Write', 'MultiEdit', 'NotebookEdit'))",
            last_decision="maxIf((last_ts, identity, decision = 'reject'), decision != '')",
            last_request_at="maxIf(last_ts, thing = 'api_request')", last_error_at="maxIf(last_ts, thing = 'api_error')",
            models="groupUniqArrayIf(toString(model), model != '')", tools="groupUniqArrayIf(toString(tool_name), tool_name != '')",
            skills="groupUniqArrayIf(toString(skill), skill NOT IN ('', " ~ sentinels ~ "))", mcp_servers="groupUniqArrayIf(toString(mcp_server), mcp_server NOT IN ('', " ~ sentinels ~ "))") }}
        FROM
        (
        {{ merge.things(['prompt', 'api_request', 'api_error', 'tool_call', 'message', 'subagent', 'event']) }}
        ) AS things
        GROUP BY workspace, session_id
        UNION ALL
        -- What the meters say: of each series the highest point.
        SELECT {{ row(metered_nanousd='coalesce(max(facts.cost_nanousd), 0)', metered_input_tokens='coalesce(max(facts.input_tokens), 0)', metered_output_tokens='coalesce(max(facts.output_tokens), 0)',
            metered_cache_read_tokens='coalesce(max(facts.cache_read_tokens), 0)', metered_cache_creation_tokens='coalesce(max(facts.cache_creation_tokens), 0)',
            is_metered='true', added_count=sessions.metered('lines_of_code.count', "any(detail) = 'added'"), removed_count=sessions.metered('lines_of_code.count', "any(detail) = 'removed'"),
            metered_commit_count=sessions.metered('commit.count'), metered_pull_request_count=sessions.metered('pull_request.count'),
            active_time_ms=sessions.metered('active_time.total', factor=1000)) }}
        FROM {{ argus }}.facts
        WHERE thing = 'metric'
        GROUP BY workspace, session_id, series
    ) AS parts
    GROUP BY workspace, session_id
)
