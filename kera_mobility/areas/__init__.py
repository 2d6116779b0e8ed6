"""Make the street map of an area from OpenStreetMap, draw it and judge it. No run imports it."""
