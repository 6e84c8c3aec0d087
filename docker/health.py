"""Ends with 0 if the service in this container is ready: asks /health at the port of ARGUS_OTEL_OTLP_HTTP, TLS or not."""

import http.client
import os
import ssl
import sys

port = int(os.environ.get("ARGUS_OTEL_OTLP_HTTP", "0.0.0.0:4318").rpartition(":")[2])
if os.environ.get("ARGUS_OTEL_TLS_CERTIFICATE"):
    # The certificate is of the name that senders know, and this is loopback: nothing secret is sent or believed.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=4, context=context)
else:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
connection.request("GET", "/health")
sys.exit(connection.getresponse().status != 200)
