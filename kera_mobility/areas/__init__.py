"""Make areas: street graphs, populations and background loads from OSM, grids and counts. No run imports it."""
