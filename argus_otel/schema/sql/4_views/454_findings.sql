-- One row per finding: a risky action in what a tool call was given, or what redaction left its marker for; and a turn that ran
-- with permissions bypassed. No text. What both legs tell counts once. A private session has none.
{% import 'findings.jinja' as findings with context %}
{% import 'merge.jinja' as merge with context %}
{% import 'private.jinja' as private with context %}
CREATE OR REPLACE VIEW {{ argus }}.findings {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    toDateTime64(found_at, 3, 'UTC') AS ts,
    kind,
    if(kind = 'redaction', {{ findings.known('found.rule') }}, found.rule) AS rule, -- also of what was stored by other rules
    transform(rule, [{{ risk_rules | map(attribute='name') | map('quoted') | join(', ') }}, 'permissions_bypassed'], [{{ risk_rules | map(attribute='category') | map('quoted') | join(', ') }}, 'bypass'], '') AS category,
    transform(rule, [{{ risk_rules | map(attribute='name') | map('quoted') | join(', ') }}, 'permissions_bypassed'], [{{ risk_rules | map(attribute='severity') | map('quoted') | join(', ') }}, 'medium'], '') AS severity,
    leg,
    thing,
    identity,
    field,
    match_count,
    surface,
    user_label,
    team
FROM
(
    SELECT
        workspace, session_id, toString(thing) AS thing, identity, field, toString(kind) AS kind, rule,
        min(facts.ts) AS found_at,
        {{ merge.legs() }} AS leg,
        toUInt64(max(facts.match_count)) AS match_count
    FROM {{ argus }}.text_findings AS facts
    GROUP BY workspace, session_id, thing, identity, field, kind, rule
    UNION ALL
    SELECT
        workspace, session_id, 'prompt', prompt_id, '', 'risk', 'permissions_bypassed',
        min(facts.ts),
        {{ merge.legs() }},
        uniqExact(identity)
    FROM {{ argus }}.facts
    WHERE thing = 'tool_call' AND permission_mode = 'bypassPermissions'
    GROUP BY workspace, session_id, prompt_id
) AS found
LEFT ANY JOIN
(
    SELECT workspace, session_id, surface, user_label, team FROM {{ argus }}.session_labels
) AS labels USING (workspace, session_id)
WHERE NOT {{ private.is_private('session_id') }}
