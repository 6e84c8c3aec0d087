-- Where a slice of about so many sessions ends, the oldest changes first; no row if fewer are waiting.
SELECT until_s
FROM
(
    SELECT changed_s + 1 AS until_s, sum(count()) OVER (ORDER BY changed_s) AS session_count
    FROM
    (
        SELECT toUnixTimestamp(max(facts.changed_at)) AS changed_s
        FROM {{ argus }}.session_facts AS facts
        WHERE facts.changed_at >= fromUnixTimestamp({from_s:UInt32})
        GROUP BY workspace, session_id
        HAVING changed_s < {until_s:UInt32}
    )
    GROUP BY changed_s
)
WHERE session_count >= {session_count:UInt32}
ORDER BY until_s
LIMIT 1
