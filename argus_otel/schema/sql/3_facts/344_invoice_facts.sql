-- What the provider says was used or billed, as an operator imported it (docs/cost.md). Of the imports of a name, workspace and
-- period the latest counts, whole; so a file may be imported again.
CREATE TABLE IF NOT EXISTS {{ argus }}.invoice_facts {{ on_cluster }}
(
    name LowCardinality(String), -- what the operator calls the bill, e.g. console
    workspace LowCardinality(String), -- whose reported cost it is compared with; '' for all
    period_begin Date,
    period_end Date, -- the day after the last; of a line with a day of its own the next
    imported_at DateTime64(9),
    billed_to String, -- the provider's workspace
    user_key String, -- an e-mail in lower case
    model String, -- as the provider writes it
    amount_nanousd Int64 -- negative for a credit
)
ENGINE = {{ engine_everywhere('ReplacingMergeTree') }}
ORDER BY (name, workspace, period_begin, period_end, imported_at, billed_to, user_key, model)
