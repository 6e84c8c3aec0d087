-- What was asked and answered, per prompt. The answer is the last thing that the main agent said in the turn.
CREATE OR REPLACE VIEW {{ argus }}.turn_text {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    argMaxIf(text, text, is_prompt) AS prompt,
    argMaxIf(text, (said_at, text), NOT is_prompt) AS response
FROM
(
    SELECT workspace, session_id, prompt_id, true AS is_prompt, said_at, text FROM {{ argus }}.user_messages
    UNION ALL
    SELECT workspace, session_id, prompt_id, false, said_at, text FROM {{ argus }}.assistant_messages WHERE agent_id = '' AND text != ''
)
WHERE prompt_id != ''
GROUP BY workspace, session_id, prompt_id
