-- Building block of the summaries: the sessions that are not summed up as they are now.
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.fresh_sessions {{ on_cluster }} AS
SELECT workspace, session_id
FROM {{ argus }}.session_facts
WHERE changed_at >= (SELECT max(settled_until) FROM {{ argus }}.rollup_marks WHERE rules = '{{ rollup.rules }}')
