-- Building block of activity_hourly: what the meters say besides cost and tokens, as cells of an hour. In thousandths: integers add
-- up exactly.
{% import 'sessions.jinja' as sessions with context %}
CREATE OR REPLACE VIEW {{ argus }}.activity_cells {{ on_cluster }} AS
SELECT workspace, session_id, groupArray((hour, metric, detail, value_milli)) AS cells
FROM
(
    SELECT workspace, session_id, hour, metric, detail, sum(series.value_milli) AS value_milli
    FROM
    (
        SELECT
            workspace,
            session_id,
            {{ sessions.hour_of_highest('coalesce(facts.value, 0)') }} AS hour,
            transform(
                any(record),
                ['claude_code.lines_of_code.count', 'claude_code.commit.count', 'claude_code.pull_request.count', 'claude_code.active_time.total'],
                ['lines_of_code', 'commit', 'pull_request', 'active_time_s'],
                'edit_decision') AS metric,
            if(metric = 'edit_decision', any(facts.decision), any(facts.detail)) AS detail,
            coalesce(accurateCastOrNull(round(max(facts.value) * 1000), 'Int64'), 0) AS value_milli
        FROM {{ argus }}.facts
        WHERE thing = 'metric' AND record IN ('claude_code.lines_of_code.count', 'claude_code.commit.count', 'claude_code.pull_request.count', 'claude_code.active_time.total', 'claude_code.code_edit_tool.decision')
        GROUP BY workspace, session_id, series
    ) AS series
    GROUP BY workspace, session_id, hour, metric, detail
)
GROUP BY workspace, session_id
