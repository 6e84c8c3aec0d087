-- What stood in otel_logs before.
{% import 'facts.jinja' as facts with context %}
{% import 'attributes.jinja' as attributes with context %}
INSERT INTO {{ argus }}.attribute_facts (workspace, session_id, event, client_version, first_at, present)
{{ attributes.present() }}
SETTINGS max_partitions_per_insert_block = 0
