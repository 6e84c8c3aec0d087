-- What was asked to be forgotten, and how far that is; never content. `unreadable_at`: no text view shows it from then on.
-- `gone_at`: deleted from the tables, and the files that held it are gone; NULL while that is not so.
CREATE OR REPLACE VIEW {{ argus }}.erasures {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    argMin(steps.source, (steps.at, steps.source)) AS source,
    argMinIf(steps.asked_by, (steps.at, steps.asked_by), step = 'asked') AS asked_by,
    toDateTime64(minIf(steps.at, step = 'asked'), 3, 'UTC') AS asked_at,
    toDateTime64(minIf(steps.at, step = 'unreadable'), 3, 'UTC') AS unreadable_at,
    toDateTime64(if(maxIf(steps.at, step = 'gone') >= maxIf(steps.at, step = 'unreadable'), maxIf(steps.at, step = 'gone'), NULL), 3, 'UTC') AS gone_at,
    sum(steps.row_count) AS row_count
FROM (SELECT DISTINCT * FROM {{ argus }}.erasure_facts) AS steps
GROUP BY workspace, session_id
