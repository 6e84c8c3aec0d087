-- Building block of the text views: one row per prompt with its text, empty where neither leg has it. What is said while its turn
-- runs bears the same prompt id to the hooks: the first opens the turn, the others are interjections.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.user_messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    said_at,
    agent_id,
    is_human,
    best.5 AS text,
    text != '' AND NOT best.2 AS is_truncated,
    if(text != '', {{ merge.source('best') }}, first_leg) AS source
FROM
(
    SELECT
        workspace,
        session_id,
        identity AS prompt_id,
        {{ merge.earliest('facts.ts') }} AS said_at,
        max(facts.agent_id) AS agent_id,
        coalesce(minIf((facts.ts, facts.is_human), facts.leg = 'hook' AND isNotNull(facts.is_human)).2, {{ merge.hook_first('facts.is_human') }}) AS is_human,
        greatest(
            minIf((facts.ts, {{ merge.ranked() }}), facts.leg = 'hook' AND facts.field = 'prompt').2,
            maxIf({{ merge.ranked() }}, facts.leg != 'hook' AND facts.field = 'prompt')) AS best,
        {{ merge.first_leg() }} AS first_leg
    FROM
    (
        {{ merge.said(['prompt'], ['agent_id', 'is_human']) }}
    ) AS facts
    GROUP BY workspace, session_id, identity
)
