"""The report as one page that needs nothing else: no network, no library, no server."""

from snnc.runtime.report.page.build import comparison_page as comparison_page
from snnc.runtime.report.page.build import page as page
