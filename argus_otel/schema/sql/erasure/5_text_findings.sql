-- What was found in the words: gone with them.
{% import 'erasure.jinja' as erasure with context %}
ALTER TABLE {{ argus }}.text_findings {{ on_cluster }} DELETE
WHERE {{ erasure.of('session_id', 'ts') }}
