"""What came of a run: events, records, KPIs, comparisons, explanations, reports and plots."""
