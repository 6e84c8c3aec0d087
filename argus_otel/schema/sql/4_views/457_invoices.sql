-- One row per line of the bills that were imported, added up by period, the provider's workspace, user and model.
CREATE OR REPLACE VIEW {{ argus }}.invoices {{ on_cluster }} AS
SELECT
    name,
    workspace,
    period_begin,
    period_end,
    billed_to,
    user_key,
    model,
    amount_nanousd / 1e9 AS invoiced_usd,
    amount_nanousd,
    toDateTime64(imported_at, 3, 'UTC') AS at
FROM {{ argus }}.invoice_facts AS facts
WHERE (name, workspace, period_begin, period_end, facts.imported_at) IN
(
    SELECT name, workspace, period_begin, period_end, max(imported_at)
    FROM {{ argus }}.invoice_facts
    GROUP BY name, workspace, period_begin, period_end
)
