-- Building block of the text views: one row per prompt with its text, empty where neither leg has it.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.user_messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    identity AS prompt_id,
    min(facts.ts) AS said_at,
    max(facts.agent_id) AS agent_id,
    {{ merge.hook_first('facts.is_human') }} AS is_human,
    {{ merge.best('prompt') }} AS best,
    best.4 AS text,
    text != '' AND NOT best.1 AS is_truncated,
    if(text != '', toString(best.3), {{ merge.first_leg() }}) AS source
FROM
(
        {{ merge.said(['prompt'], ['agent_id', 'is_human']) }}
) AS facts
GROUP BY workspace, session_id, identity
