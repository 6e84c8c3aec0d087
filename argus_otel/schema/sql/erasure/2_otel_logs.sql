-- Of the log records the words. A record without any is not written again.
{% import 'erasure.jinja' as erasure with context %}
{% import 'private.jinja' as private with context %}
ALTER TABLE {{ otel }}.otel_logs {{ on_cluster }} UPDATE
    LogAttributes = {{ private.log_attributes('LogAttributes') }},
    ResourceAttributes = {{ private.labels('ResourceAttributes') }},
    ScopeAttributes = {{ private.names_and_numbers('ScopeAttributes') }},
    EventName = {{ private.known_name('EventName') }},
    Body = {{ private.known_name('Body') }}
WHERE {{ erasure.of(erasure.session_of('LogAttributes'), 'Timestamp') }}
    AND (
        {{ erasure.has_words(['LogAttributes', 'ScopeAttributes']) }}
        OR ResourceAttributes != {{ private.labels('ResourceAttributes') }}
        OR EventName != {{ private.known_name('EventName') }} OR Body != {{ private.known_name('Body') }})
