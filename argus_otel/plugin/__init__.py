"""
The capture plugin as a user meets it: assembled, installed, looked at, tried; and one session run with it.

`files/` is what the plugin folder holds besides the code of `argus_otel.capture`, which is copied as it is.
"""
