"""
The alert rules of cost and behaviour: `rules` is the table of them, beside it one .sql file each, `thresholds` what of them a
user may change. `render.py` makes Grafana's provisioning files of it, `alerting.py` evaluates those without a Grafana.

A rule's query returns one row per workspace that could alert, over its limits or not, with these columns:

- `workspace`, the only label that comes from a row. An id or a time among the labels would make each row a new alert.
- `over`: how many things (hours, sessions, tools, users) are over the limits now. Above 0 the instance fires.
- `from_ms`, `to_ms`: epoch milliseconds, so that the links still lead there days later, where now-3h would not.
- whatever figures the summary names: the value, its baseline.

Grafana takes one figure per table and gives an annotation only numbers (`$values`), those of every query and expression with
the labels of the instance. So a rule asks its query once per figure, each time for `workspace` and that one column, and each
goes through a `reduce`, because Grafana before version 11 captures expressions only. All return the same workspaces: a figure
without rows would make Grafana say "no data" of the whole rule.
"""
