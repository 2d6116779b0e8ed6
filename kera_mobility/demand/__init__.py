"""Plan candidate journeys and choose among them."""
