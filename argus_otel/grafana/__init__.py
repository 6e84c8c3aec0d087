"""
What Grafana does between a dashboard's JSON and ClickHouse, without a Grafana: dashboard, choices, time range -> statements
and links.

`dashboards` reads the JSON, `variables` and `macros` turn a panel's SQL into what the server is asked, `links` turns a row
into the address behind it.
"""
