-- In what mode the agent ran: default, plan, acceptEdits, bypassPermissions, …; empty where the record does not say.
ALTER TABLE {{ argus }}.facts {{ on_cluster }} ADD COLUMN IF NOT EXISTS permission_mode LowCardinality(String) AFTER decision_source
