-- One row per tool call, both legs together. Its skill is the one invoked on the Skill call itself, else the one that was
-- active in the API request which asked for the call.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.tool_calls {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    tool_use_id,
    agent_id,
    request_id,
    toDateTime64(began_at, 3, 'UTC') AS started_at,
    duration_ms,
    tool_name,
    mcp_server,
    if(tool_name = 'Skill', own_skill, active_skill) AS skill,
    skill_hash,
    decision,
    decision_source,
    success,
    error_type,
    input_bytes,
    output_bytes,
    coverage
FROM
(
    SELECT
        workspace,
        session_id,
        identity AS tool_use_id,
        max(facts.prompt_id) AS prompt_id,
        max(facts.agent_id) AS agent_id,
        max(facts.request_id) AS request_id,
        {{ merge.earliest(merge.called_at()) }} AS began_at,
        coalesce(
            maxIf(facts.duration_ms, leg = 'native' AND record = 'tool_result'),
            maxIf(facts.duration_ms, leg = 'hook'),
            max(facts.duration_ms)) AS duration_ms,
        {{ merge.better_name('facts.tool_name') }} AS tool_name,
        {{ merge.better_name('facts.mcp_server') }} AS mcp_server,
        {{ merge.better_name('facts.skill') }} AS own_skill,
        max(facts.skill_hash) AS skill_hash,
        {{ merge.live_first('facts.decision') }} AS decision,
        {{ merge.live_first('facts.decision_source') }} AS decision_source,
        {{ merge.native_first('facts.success') }} AS success,
        coalesce(nullIf(maxIf(facts.error_type, record = 'tool_result'), ''), max(facts.error_type)) AS error_type,
        {{ merge.native_first('facts.input_bytes') }} AS input_bytes,
        {{ merge.native_first('facts.output_bytes') }} AS output_bytes,
        {{ merge.legs() }} AS coverage
    FROM {{ argus }}.facts
    WHERE thing = 'tool_call'
    GROUP BY workspace, session_id, identity
) AS calls
LEFT ANY JOIN
(
    SELECT workspace, session_id, identity AS request_id, {{ merge.better_name('facts.skill') }} AS active_skill
    FROM {{ argus }}.facts
    WHERE thing = 'api_request' AND skill != ''
    GROUP BY workspace, session_id, identity
) AS requests USING (workspace, session_id, request_id)
