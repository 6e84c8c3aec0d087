-- One row per mute that is in force: alerts leave out whom all of its columns fit, an empty one fitting everybody.
CREATE OR REPLACE VIEW {{ argus }}.mutes {{ on_cluster }} AS
SELECT
    rule,
    workspace,
    user_key,
    argMax(facts.reason, facts.set_at) AS reason,
    toDateTime64(max(facts.set_at), 3, 'UTC') AS set_at
FROM {{ argus }}.mute_facts AS facts
GROUP BY rule, workspace, user_key
HAVING NOT argMax(facts.is_removed, facts.set_at)
