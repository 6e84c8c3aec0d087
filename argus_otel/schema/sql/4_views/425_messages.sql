-- Every text that a record carries, by itself: what a search looks through. Nothing is brought together here, so a search reads the
-- texts once and in order; what both legs told stands twice. A private session has none.
{% import 'private.jinja' as private with context %}
CREATE OR REPLACE VIEW {{ argus }}.messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    toDateTime64(texts.ts, 3, 'UTC') AS ts,
    toString(thing) AS thing, -- prompt, api_request, tool_call, message, subagent, event
    identity, -- of the thing: a tool_use_id, a prompt_id, a request_id …
    toString(leg) AS leg, -- native, hook, import
    field, -- prompt, response, input, output, error, note
    text
FROM {{ argus }}.texts
WHERE NOT {{ private.is_private('session_id') }}
