-- What the events of a session say that it cost, beside what its meters say: two ways of the same telemetry, so where they
-- differ, one of them lost something. One row per session that has either; NULL: this way said nothing of it. A meter is
-- read once a minute: of a session that still runs it is behind (`ended_at`: when it was last heard of).
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.meter_check {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    toDate(started_at) AS day,
    started_at,
    ended_at,
    surface,
    client_version,
    user_label,
    team,
    events_nanousd,
    meters_nanousd,
    {{ merge.usd('events_nanousd') }} AS events_usd,
    {{ merge.usd('meters_nanousd') }} AS meters_usd,
    {{ merge.usd('(meters_nanousd - events_nanousd)') }} AS difference_usd,
    abs(meters_nanousd - events_nanousd) / nullIf(greatest(meters_nanousd, events_nanousd), 0) AS difference_share
FROM
(
    SELECT
        workspace,
        session_id,
        assumeNotNull(toDateTime64(min(parts.first_at), 3, 'UTC')) AS started_at,
        toDateTime64(max(parts.last_at), 3, 'UTC') AS ended_at,
        sumOrNull(parts.events_nanousd) AS events_nanousd,
        sumOrNull(parts.meters_nanousd) AS meters_nanousd
    FROM
    (
        -- When the session was.
        SELECT workspace, session_id, min(facts.first_at) AS first_at, max(facts.last_at) AS last_at, CAST(NULL, 'Nullable(Int64)') AS events_nanousd, CAST(NULL, 'Nullable(Int64)') AS meters_nanousd
        FROM {{ argus }}.session_facts AS facts
        WHERE leg != 'import'
        GROUP BY workspace, session_id
        UNION ALL
        -- Each call once.
        SELECT workspace, session_id, NULL AS first_at, max(facts.ts) AS last_at, max(facts.cost_nanousd) AS events_nanousd, CAST(NULL, 'Nullable(Int64)') AS meters_nanousd
        FROM {{ argus }}.facts
        WHERE thing = 'api_request' AND record = 'api_request'
        GROUP BY workspace, session_id, identity
        UNION ALL
        -- Of each series the highest point.
        SELECT workspace, session_id, NULL AS first_at, max(facts.ts) AS last_at, CAST(NULL, 'Nullable(Int64)') AS events_nanousd, max(facts.cost_nanousd) AS meters_nanousd
        FROM {{ argus }}.facts
        WHERE thing = 'metric' AND record = 'claude_code.cost.usage'
        GROUP BY workspace, session_id, series
    ) AS parts
    GROUP BY workspace, session_id
    HAVING isNotNull(events_nanousd) OR isNotNull(meters_nanousd)
) AS checked
LEFT ANY JOIN {{ argus }}.session_labels AS labels USING (workspace, session_id)
