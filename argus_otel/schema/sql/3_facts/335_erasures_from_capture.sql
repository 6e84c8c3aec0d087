{% import 'facts.jinja' as facts with context %}
{% if landing %}
-- otel_traces -> erasure_facts, over tables that the collector fills: who typed /private is out of the text views from then
-- on. With a receiver of our own it says so itself, before the data of the same batch.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.capture_to_erasure_facts {{ on_cluster }} TO {{ argus }}.erasure_facts AS
SELECT
    workspace,
    SpanAttributes['session.id'] AS session_id,
    step,
    'hook' AS source,
    Timestamp AS at,
    SpanAttributes['user.id'] AS asked_by,
    0 AS row_count
FROM
(
    SELECT * FROM {{ records('otel_traces', facts.is_capture_span()) }}
    WHERE SpanAttributes['argus.record'] = 'private' AND SpanAttributes['session.id'] != ''
)
ARRAY JOIN ['asked', 'unreadable'] AS step
{% endif %}
