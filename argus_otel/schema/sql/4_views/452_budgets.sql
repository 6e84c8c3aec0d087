-- One row per budget that is in force.
CREATE OR REPLACE VIEW {{ argus }}.budgets {{ on_cluster }} AS
SELECT
    toString(scope) AS scope,
    name,
    argMax(facts.month_nanousd, facts.set_at) / 1e9 AS month_usd,
    toDateTime64(max(facts.set_at), 3, 'UTC') AS set_at
FROM {{ argus }}.budget_facts AS facts
GROUP BY scope, name
HAVING NOT argMax(facts.is_removed, facts.set_at)
