-- Building block of the text views: one row per prompt with its text, empty where neither leg has it; and one for whatever was
-- said while its turn ran: to the hooks that bears the same prompt id, so the first opens the turn and the others follow.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.user_messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    agent_id,
    message.1 AS said_at,
    message.2 AS is_opening,
    message.3 AS is_human,
    message.4 AS text,
    message.5 AS is_truncated,
    message.6 AS source
FROM
(
    SELECT
        workspace,
        session_id,
        identity AS prompt_id,
        max(facts.agent_id) AS agent_id,
        {{ merge.earliest('facts.ts') }} AS opened_at,
        coalesce(minIf((facts.ts, facts.is_human), facts.leg = 'hook' AND isNotNull(facts.is_human)).2, {{ merge.hook_first('facts.is_human') }}) AS is_opened_by_human,
        arraySort(groupUniqArrayIf((facts.ts, {{ merge.ranked() }}), facts.leg = 'hook' AND facts.field = 'prompt')) AS hooked,
        maxIf({{ merge.ranked() }}, facts.leg != 'hook' AND facts.field = 'prompt') AS other,
        if(notEmpty(hooked) AND hooked[1].2 > other, hooked[1].2, other) AS best,
        best.5 AS opening,
        [(opened_at, true, is_opened_by_human, opening, opening != '' AND NOT best.2, if(opening != '', {{ merge.source('best') }}, {{ merge.first_leg() }}))] AS opened,
        arrayMap(
            said -> (said.1, false, toNullable(NOT startsWith(said.2.5, '<task-notification>')), said.2.5, NOT said.2.2, 'hook'),
            arrayFilter(said -> said.2.5 != hooked[1].2.5, arraySlice(hooked, 2))) AS followed
    FROM
    (
        {{ merge.said(['prompt'], ['agent_id', 'is_human']) }}
    ) AS facts
    GROUP BY workspace, session_id, identity
)
ARRAY JOIN arrayConcat(opened, followed) AS message
