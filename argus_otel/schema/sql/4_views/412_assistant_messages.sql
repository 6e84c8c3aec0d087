-- Building block of the text views: one row per API call, with what the assistant said in it, and one per message that
-- belongs to no known call.
--
-- The legs share no key for a message, and its text is no key either: two turns may end with the same sentence. Both legs
-- know its prompt, its agent and its original length; of equal ones the last is the last: counted from the end, the n-th
-- of one leg is the n-th of the other. The hook has a message when it is displayed and, the last of a turn, when it stops; a
-- transcript has all of them.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.assistant_messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    agent_id,
    max(messages.request_id) AS request_id,
    coalesce(nullIf(request_id, ''), nullIf(maxIf(messages.identity, side != 'import'), ''), max(messages.identity)) AS message_id,
    coalesce(minOrNullIf(messages.said_at, side != 'import'), min(messages.said_at)) AS said_at,
    sum(messages.cost_nanousd) AS cost_nanousd,
    max(messages.best) AS best,
    best.5 AS text,
    text != '' AND NOT best.2 AS is_truncated,
    if(text != '', {{ merge.source('best') }}, if(max(side = 'native'), 'native', 'hook')) AS source
FROM
(
    SELECT
        *,
        row_number() OVER (PARTITION BY workspace, session_id, prompt_id, agent_id, text_length, side ORDER BY said_at DESC, identity DESC) AS nth_from_end
    FROM
    (
        SELECT
            workspace,
            session_id,
            thing,
            identity,
            multiIf(leg = 'import', 'import', thing = 'api_request' OR leg = 'native', 'native', max(facts.record) = 'display', 'display', 'stop') AS side,
            if(thing = 'api_request', identity, '') AS request_id,
            max(facts.prompt_id) AS prompt_id,
            max(facts.agent_id) AS agent_id,
            coalesce(max(facts.text_length), 0) AS text_length,
            {{ merge.earliest('facts.ts') }} AS said_at,
            if(thing = 'api_request', {{ merge.cost_nanousd() }}, 0) AS cost_nanousd,
            {{ merge.best('response') }} AS best
        FROM
        (
        {{ merge.said(['api_request', 'message'], ['prompt_id', 'agent_id', 'cost_nanousd', 'estimated_nanousd', 'text_length']) }}
        ) AS facts
        GROUP BY workspace, session_id, thing, identity, leg
        HAVING NOT {{ merge.is_only_a_span() }}
    )
) AS messages
GROUP BY workspace, session_id, prompt_id, agent_id, if(text_length > 0, (text_length, toUInt64(nth_from_end), ''), (0, 0, identity))
