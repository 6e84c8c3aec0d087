-- List prices, for the estimate of last resort: an API call whose cost nobody reported. Filled from model_prices.tsv.
CREATE TABLE IF NOT EXISTS {{ argus }}.model_prices {{ on_cluster }}
(
    model String,
    input_nanousd UInt64, -- per token
    output_nanousd UInt64,
    cache_read_nanousd UInt64,
    cache_creation_nanousd UInt64,
    as_of Date
)
ENGINE = {{ engine('ReplacingMergeTree') }}
ORDER BY model
