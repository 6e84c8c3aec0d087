-- Building block of the summaries: the sessions that are not summed up as they are now. A scalar, because the engine evaluates
-- one once in a query, however often it stands there: a session that changes meanwhile is settled or fresh for all its branches.
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.fresh_sessions {{ on_cluster }} AS
SELECT key.1 AS workspace, key.2 AS session_id
FROM
(
    SELECT arrayJoin((
        SELECT groupUniqArray((toString(workspace), session_id))
        FROM {{ argus }}.session_facts
        WHERE changed_at >= (SELECT max(settled_until) FROM {{ argus }}.rollup_marks WHERE rules = '{{ rollup.rules }}'))) AS key
)
