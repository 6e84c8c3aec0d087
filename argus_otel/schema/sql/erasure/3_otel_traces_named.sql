-- A span whose name may be words is none of Claude Code's and tells no fact; its name is part of the key, so the span goes.
{% import 'erasure.jinja' as erasure with context %}
{% import 'private.jinja' as private with context %}
ALTER TABLE {{ otel }}.otel_traces {{ on_cluster }} DELETE
WHERE {{ erasure.of(erasure.session_of('SpanAttributes'), 'Timestamp', workspace_of_record) }} AND SpanName != {{ private.known_name('SpanName') }}
