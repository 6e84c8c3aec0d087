-- What went into each tool call and what came out.
CREATE OR REPLACE VIEW {{ argus }}.tool_text {{ on_cluster }} AS
SELECT workspace, session_id, tool_use_id, input, output, error, is_input_truncated OR is_result_truncated AS is_truncated
FROM {{ argus }}.tool_messages
