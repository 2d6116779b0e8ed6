"""The report: results as one HTML file that opens from disk, without a network and without this package."""

from kera_mobility.results.report.page import write_report

__all__ = ["write_report"]
