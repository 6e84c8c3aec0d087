-- One row per user whom the latest import knows: `LEFT ANY JOIN argus.people` by a lower-case e-mail or a user id.
CREATE OR REPLACE VIEW {{ argus }}.people {{ on_cluster }} AS
SELECT user_key, user_name, team, cost_centre
FROM {{ argus }}.people_facts
WHERE imported_at = (SELECT max(imported_at) FROM {{ argus }}.people_facts)
