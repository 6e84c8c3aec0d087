-- What the views say of these sessions now -> session_rollup. Of two rollers the one that began later is right; a row is dated after
-- all that stand there, or after the clock was set back it would lose against what an earlier run left.
{% import 'rollup.jinja' as rollup with context %}
INSERT INTO {{ argus }}.session_rollup
    (workspace, session_id, rolled_at, {{ (rollup.figures + rollup.cells | list) | join(', ') }})
SELECT
    workspace, session_id,
    greatest(now64(9), (SELECT max(rolled_at) + toIntervalNanosecond(1) FROM {{ argus }}.session_rollup)),
    {{ (rollup.figures + rollup.cells | list) | join(', ') }}
FROM (SELECT * FROM {{ argus }}.sessions WHERE {{ among }}) AS sessions
{% for view in rollup.cells %}
LEFT ANY JOIN (SELECT workspace, session_id, cells AS {{ view }} FROM {{ argus }}.{{ view }} WHERE {{ among }}) AS {{ view }} USING (workspace, session_id)
{% endfor %}
SETTINGS max_threads = 1, max_bytes_before_external_group_by = 268435456
