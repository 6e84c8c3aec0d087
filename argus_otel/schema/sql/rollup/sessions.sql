-- The sessions that last changed within a slice, in the order of the tables: neighbours are read together.
SELECT workspace, session_id
FROM {{ argus }}.session_facts AS facts
WHERE facts.changed_at >= fromUnixTimestamp({from_s:UInt32})
GROUP BY workspace, session_id
HAVING toUnixTimestamp(max(facts.changed_at)) < {until_s:UInt32}
ORDER BY workspace, session_id
