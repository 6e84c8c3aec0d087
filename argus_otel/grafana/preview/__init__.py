"""
Dashboards as one self-contained page, without a Grafana: their own JSON, the same statements, real answers.

    Visit ─▶ opened (variables, range) ─▶ answers ─▶ panels (SVG, tables) ─▶ page: sections that link to each other
"""

from argus_otel.grafana.preview.page import Notice, Page, render_page
from argus_otel.grafana.preview.visits import Visit, instant_ms, parse_visit

__all__ = ["Notice", "Page", "Visit", "instant_ms", "parse_visit", "render_page"]
