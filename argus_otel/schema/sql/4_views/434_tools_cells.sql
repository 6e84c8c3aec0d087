-- Building block of tools_hourly: the tool calls of each session, as cells of an hour and of all that calls are told apart by.
CREATE OR REPLACE VIEW {{ argus }}.tools_cells {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    groupArray((hour, tool_name, mcp_server, skill, skill_hash, decision, decision_source, success, error_type, call_count, failure_count, rejected_count, durations_ms, input_bytes, output_bytes)) AS cells
FROM
(
    SELECT
        workspace,
        session_id,
        toStartOfHour(started_at) AS hour,
        tool_name, mcp_server, skill, skill_hash, decision, decision_source, success, error_type,
        count() AS call_count,
        countIf(success = false) AS failure_count,
        countIf(decision = 'reject') AS rejected_count,
        arraySort(groupArrayIf(toUInt32(least(calls.duration_ms, 4294967295)), isNotNull(calls.duration_ms))) AS durations_ms,
        coalesce(sum(calls.input_bytes), 0) AS input_bytes,
        coalesce(sum(calls.output_bytes), 0) AS output_bytes
    FROM {{ argus }}.tool_calls AS calls
    GROUP BY workspace, session_id, hour, tool_name, mcp_server, skill, skill_hash, decision, decision_source, success, error_type
)
GROUP BY workspace, session_id
