"""One module a kind of file about a case; each meets the ReportWriter protocol of marginkit.records."""
