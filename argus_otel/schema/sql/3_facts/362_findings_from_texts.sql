-- texts -> text_findings.
{% import 'findings.jinja' as findings with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.texts_to_text_findings {{ on_cluster }} TO {{ argus }}.text_findings AS
{{ findings.found() }}
