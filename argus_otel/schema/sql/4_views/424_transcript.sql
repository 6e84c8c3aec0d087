-- Everything said and done, in order. The sum of cost_usd is the session's cost: each API call's row carries its own, even
-- where its text is empty.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.transcript {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    toDateTime64(said_at, 3, 'UTC') AS ts,
    row_number() OVER (PARTITION BY workspace, session_id ORDER BY said_at, rank, id) AS position,
    kind,
    agent_id,
    prompt_id,
    tool_use_id,
    tool_name,
    text,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    is_truncated,
    source,
    request_id
FROM
(
    SELECT
        * REPLACE (if(kind = 'subagent', min(said_at) OVER (PARTITION BY workspace, session_id, agent_id), said_at) AS said_at) -- its hook may run late
    FROM
    (
        SELECT workspace, session_id, said_at, 1 AS rank, prompt_id AS id, 'user' AS kind, agent_id, prompt_id, '' AS tool_use_id, '' AS tool_name, text, 0 AS cost_nanousd, is_truncated, source, '' AS request_id
        FROM {{ argus }}.user_messages
        UNION ALL
        SELECT workspace, session_id, said_at, 1, prompt_id, 'user', '', prompt_id, '', '', text, 0, is_truncated, 'hook', ''
        FROM {{ argus }}.interjections
        UNION ALL
        SELECT workspace, session_id, said_at, 2, message_id, 'assistant', agent_id, prompt_id, '', '', text, cost_nanousd, is_truncated, source, request_id
        FROM {{ argus }}.assistant_messages
        UNION ALL
        -- A call, and its result if there is one.
        SELECT workspace, session_id, assumeNotNull(part.1), part.2, tool_use_id, part.3, agent_id, prompt_id, tool_use_id, tool_name, part.4, 0, part.5, part.6, ''
        FROM {{ argus }}.tool_messages
        ARRAY JOIN arrayFilter(part -> isNotNull(part.1), [
            (toNullable(called_at), 3, 'tool_call', input, is_input_truncated, input_source),
            (returned_at, 4, 'tool_result', if(error != '', error, output), is_result_truncated, result_source)]) AS part
        UNION ALL
        SELECT workspace, session_id, noted_at, 0, note_id, kind, agent_id, prompt_id, '', tool_name, text, 0, is_truncated, source, ''
        FROM {{ argus }}.notes
    )
)
