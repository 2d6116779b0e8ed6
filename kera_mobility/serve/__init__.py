"""The planner's page: questions asked, run and answered in a browser on this machine."""
