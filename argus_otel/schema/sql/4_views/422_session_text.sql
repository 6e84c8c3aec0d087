-- The first prompt that is not known to be a machine's, and the last answer of the main agent.
CREATE OR REPLACE VIEW {{ argus }}.session_text {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    argMinIf(text, (said_at, text), is_prompt AND text != '') AS first_prompt,
    argMaxIf(text, (said_at, text), NOT is_prompt) AS last_response
FROM
(
    SELECT workspace, session_id, true AS is_prompt, said_at, text FROM {{ argus }}.user_messages WHERE coalesce(is_human, true)
    UNION ALL
    SELECT workspace, session_id, false, said_at, text FROM {{ argus }}.assistant_messages WHERE agent_id = ''
        AND text != ''
)
GROUP BY workspace, session_id
