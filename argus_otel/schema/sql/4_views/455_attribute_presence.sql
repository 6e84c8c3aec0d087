-- In how many sessions an event had each attribute that Claude Code sends with it, by day and client version: what a new
-- version no longer sends drops here. A day is that of a session's first such event.
{% import 'attributes.jinja' as attributes with context %}
CREATE OR REPLACE VIEW {{ argus }}.attribute_presence {{ on_cluster }} AS
SELECT
    workspace,
    toDate(first_at, 'UTC') AS day,
    surface,
    client_version,
    event,
    expected.1 AS attribute,
    count() AS session_count,
    countIf(bitTest(present, expected.2)) AS present_count
FROM
(
    SELECT workspace, session_id, event, client_version, min(facts.first_at) AS first_at, groupBitOr(facts.present) AS present
    FROM {{ argus }}.attribute_facts AS facts
    GROUP BY workspace, session_id, event, client_version
) AS sent
LEFT ANY JOIN (SELECT workspace, session_id, surface FROM {{ argus }}.session_labels) AS labels USING (workspace, session_id)
ARRAY JOIN {{ attributes.expected('toString(event)') }} AS expected
GROUP BY workspace, day, surface, client_version, event, attribute
