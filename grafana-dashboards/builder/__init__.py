"""
Nothing -> Grafana's dashboards as JSON (Classic, schemaVersion 39), one module per dashboard.

`look` says what things look like, `queries` what a panel asks, `links` where a click leads, `variables` what can be chosen,
`panels` draws one, `layout` puts them on a page. All are plain functions that return the JSON Grafana reads.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""An object of Grafana's JSON."""
