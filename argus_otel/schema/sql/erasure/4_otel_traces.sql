-- Of the spans the words.
{% import 'erasure.jinja' as erasure with context %}
{% import 'private.jinja' as private with context %}
{% macro of_each(column) -%}
arrayMap(attributes -> {{ private.names_and_numbers('attributes') }}, {{ column }})
{%- endmacro %}
ALTER TABLE {{ otel }}.otel_traces {{ on_cluster }} UPDATE
    SpanAttributes = {{ private.names_and_numbers('SpanAttributes') }},
    ResourceAttributes = {{ private.labels('ResourceAttributes') }},
    {% if not landing %}
    ScopeAttributes = {{ private.names_and_numbers('ScopeAttributes') }},
    {% endif %}
    StatusMessage = '',
    `Events.Name` = arrayMap(name -> '', `Events.Name`),
    `Events.Attributes` = {{ of_each('`Events.Attributes`') }},
    `Links.Attributes` = {{ of_each('`Links.Attributes`') }}
WHERE {{ erasure.of(erasure.session_of('SpanAttributes'), 'Timestamp', workspace_of_record) }}
    AND (
        {{ erasure.has_words(['SpanAttributes'] if landing else ['SpanAttributes', 'ScopeAttributes']) }}
        OR ResourceAttributes != {{ private.labels('ResourceAttributes') }}
        OR StatusMessage != '' OR arrayExists(name -> name != '', `Events.Name`)
        OR `Events.Attributes` != {{ of_each('`Events.Attributes`') }} OR `Links.Attributes` != {{ of_each('`Links.Attributes`') }})
