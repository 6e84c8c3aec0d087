-- The engine's clock, and until when all is summed up: seconds since the epoch.
{% import 'rollup.jinja' as rollup with context %}
SELECT
    toUnixTimestamp(now()) AS now_s,
    (SELECT toUnixTimestamp(max(settled_until)) FROM {{ argus }}.rollup_marks WHERE rules = '{{ rollup.rules }}') AS settled_until_s
