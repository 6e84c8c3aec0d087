-- What stood in texts before there were findings.
{% import 'findings.jinja' as findings with context %}
INSERT INTO {{ argus }}.text_findings (workspace, session_id, thing, identity, field, leg, record, ts, kind, rule, match_count)
{{ findings.found() }}
SETTINGS max_partitions_per_insert_block = 0
