-- All that changed before this is summed up.
{% import 'rollup.jinja' as rollup with context %}
INSERT INTO {{ argus }}.rollup_marks SELECT '{{ rollup.rules }}', fromUnixTimestamp({{ until_s }})
