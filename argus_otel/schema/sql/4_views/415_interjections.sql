-- Building block of the text views: one row for whatever was said while a turn ran, by its user or by a task that reported back. The
-- hooks know its words, and no more of it than the running turn's prompt id.
{% import 'private.jinja' as private with context %}
CREATE OR REPLACE VIEW {{ argus }}.interjections {{ on_cluster }} AS
SELECT workspace, session_id, prompt_id, said.1 AS said_at, said.2 AS text, said.3 AS is_truncated
FROM
(
    SELECT workspace, session_id, identity AS prompt_id, arraySort(groupUniqArray((ts, text, is_truncated))) AS told
    FROM {{ argus }}.texts
    WHERE thing = 'prompt' AND leg = 'hook' AND NOT {{ private.is_private('session_id') }}
    GROUP BY workspace, session_id, identity
)
ARRAY JOIN arrayFilter(one -> one.2 != told[1].2, told) AS said
