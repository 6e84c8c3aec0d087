-- Nothing is summed up, whatever stands in session_rollup.
TRUNCATE TABLE {{ argus }}.rollup_marks {{ on_cluster }}
