-- A third leg: transcripts that were imported. What a live leg knows, beats it field by field (merge.jinja).
ALTER TABLE {{ argus }}.facts {{ on_cluster }} MODIFY COLUMN leg Enum8('native' = 1, 'hook' = 2, 'import' = 3)
