-- One row per session and version that it ran with: a skill's, a plugin's, CLAUDE.md's, the settings' hash, with the session's figures.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.versions {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    -- skill:<name>, plugin:<name>, settings:<scope>, …; what has no such name is a file of instructions.
    if(position(versioned.1, ':') > 0, splitByChar(':', versioned.1)[1], 'claude_md') AS thing,
    if(position(versioned.1, ':') > 0, substring(versioned.1, position(versioned.1, ':') + 1), versioned.1) AS name,
    versioned.2 AS hash,
    started_at,
    surface,
    user_label,
    team,
    repository,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    cost_nanousd,
    thing = 'skill' AND has(skills, name) AS is_used, -- a skill may be in reach and not be used
    if(thing = 'skill', skill_costs.cost_nanousd, 0) AS skill_cost_nanousd,
    turn_count,
    tool_call_count,
    tool_failure_count,
    outcome
FROM
(
    SELECT workspace, session_id, started_at, surface, user_label, team, repository, cost_nanousd, turn_count, tool_call_count, tool_failure_count, outcome, skills, arrayJoin(CAST(versions, 'Array(Tuple(String, String))')) AS versioned,
        substring(versioned.1, 7) AS skill
    FROM {{ argus }}.session_list
) AS sessions
LEFT ANY JOIN
(
    SELECT workspace, session_id, skill, sum(cost_nanousd) AS cost_nanousd FROM {{ argus }}.cost_hourly WHERE skill != '' GROUP BY workspace, session_id, skill
) AS skill_costs USING (workspace, session_id, skill)
