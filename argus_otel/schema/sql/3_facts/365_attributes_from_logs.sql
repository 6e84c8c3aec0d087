-- otel_logs -> attribute_facts: names of attributes, no values.
{% import 'facts.jinja' as facts with context %}
{% import 'attributes.jinja' as attributes with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.logs_to_attribute_facts {{ on_cluster }} TO {{ argus }}.attribute_facts AS
{{ attributes.present() }}
