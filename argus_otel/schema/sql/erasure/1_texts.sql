-- What was said: gone.
{% import 'erasure.jinja' as erasure with context %}
ALTER TABLE {{ argus }}.texts {{ on_cluster }} DELETE
WHERE {{ erasure.of('session_id', 'ts') }}
