-- As facts.
ALTER TABLE {{ argus }}.texts {{ on_cluster }} MODIFY COLUMN leg Enum8('native' = 1, 'hook' = 2, 'import' = 3)
