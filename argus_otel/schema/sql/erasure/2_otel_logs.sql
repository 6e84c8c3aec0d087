-- Of the log records the words. A record without any is not written again.
{% import 'erasure.jinja' as erasure with context %}
{% import 'private.jinja' as private with context %}
ALTER TABLE {{ otel }}.otel_logs {{ on_cluster }} UPDATE
    LogAttributes = {{ private.log_attributes('LogAttributes') }},
    ResourceAttributes = {{ private.labels('ResourceAttributes') }},
    ScopeAttributes = {{ private.names_and_numbers('ScopeAttributes') }},
    {% if has_event_name %}
    EventName = {{ private.known_name('EventName') }},
    {% endif %}
    Body = {{ private.known_name('Body') }}
WHERE {{ erasure.of(erasure.session_of('LogAttributes'), 'Timestamp', workspace_of_record) }}
    AND (
        {{ erasure.has_words(['LogAttributes', 'ScopeAttributes']) }}
        OR ResourceAttributes != {{ private.labels('ResourceAttributes') }}
        OR {% if has_event_name %}EventName != {{ private.known_name('EventName') }} OR {% endif %}Body != {{ private.known_name('Body') }})
