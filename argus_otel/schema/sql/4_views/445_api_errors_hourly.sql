-- API errors that were given up on, by the hour. Where events tell of them, spans count no second time: as in argus.sessions.
CREATE OR REPLACE VIEW {{ argus }}.api_errors_hourly {{ on_cluster }} AS
SELECT
    workspace,
    hour,
    session_id,
    model,
    error_type,
    surface,
    client_version,
    user_label,
    team,
    cost_centre,
    repository,
    error_count
FROM
(
    SELECT workspace, session_id, hour, model, error_type, count() AS error_count
    FROM
    (
        SELECT
            workspace, session_id, toStartOfHour(toDateTime64(errors.first_ts, 3, 'UTC')) AS hour, model, error_type,
            is_logged, max(is_logged) OVER (PARTITION BY workspace, session_id) AS is_any_logged
        FROM
        (
            SELECT
                workspace, session_id, min(facts.ts) AS first_ts, max(facts.model) AS model, countIf(record = 'api_error') > 0 AS is_logged,
                coalesce(nullIf(maxIf(facts.error_type, record = 'api_error'), ''), max(facts.error_type)) AS error_type
            FROM {{ argus }}.facts
            WHERE thing = 'api_error'
            GROUP BY workspace, session_id, identity
        ) AS errors
    )
    WHERE is_logged OR NOT is_any_logged
    GROUP BY workspace, session_id, hour, model, error_type
) AS errors
LEFT ANY JOIN
(
    SELECT * FROM {{ argus }}.session_labels
    WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM {{ argus }}.facts WHERE thing = 'api_error')
) AS labels USING (workspace, session_id)
