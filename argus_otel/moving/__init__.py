"""
`argus-otel move`: all that an embedded engine holds -> a ClickHouse server, no row lost and none doubled.

    spool ─▶ embedded engine ─▶ staging databases of the server ─▶ checked ─▶ folder set aside ─▶ attached, part by part
             (drain)            (INSERT, partition by partition)              (no way back)        (ALTER … MOVE PARTITION)

The views that make facts look at INSERTs only, so what is attached is not made into facts a second time: facts are copied as
they are. Until the folder is set aside the server's own tables are untouched, and each step may be repeated.
"""
