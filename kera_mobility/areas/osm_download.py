"""Streets from OpenStreetMap's servers, by OSMnx's own download code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import networkx as nx
import osmnx as ox
import requests

from kera_mobility.areas.description import Box
from kera_mobility.areas.extract import Extract, checked
from kera_mobility.areas.osm_tags import NODE_TAGS, WAY_TAGS
from kera_mobility.areas.osmnx_read import DEGREES_CRS, extract_of_graph, with_squares
from kera_mobility.errors import NetworkError

_ASKED: dict[str, Any] = {"custom_filter": '["highway"]', "simplify": False, "retain_all": True}
"""Every way with the tag `highway`, in all its parts. Turn restrictions, and platforms of the railway without that tag,
are not asked for."""


def fetch_box(box: Box, service: str = "") -> Extract:
    """Return the streets in a rectangle, from OSMnx's Overpass service or the one with another address.

    Raises
    ------
    NetworkError
        If the service cannot be reached, refuses, or knows no streets there.
    """
    corners = (box.west, box.south, box.east, box.north)
    request = f"Overpass service, {box.west}, {box.south} to {box.east}, {box.north}"
    return _fetched(request, service, lambda: ox.graph_from_bbox(corners, **_ASKED))


def fetch_place(place: str, service: str = "") -> Extract:
    """Return the streets of a place by name, such as `Pasila, Helsinki, Finland`.

    Raises
    ------
    NetworkError
        If no service can be reached, none knows the place, or it has no streets.
    """
    request = f"Overpass service, {place}"
    return _fetched(request, service, lambda: ox.graph_from_place(place, **_ASKED))


def _fetched(request: str, service: str, download: Callable[[], nx.MultiDiGraph[Any]]) -> Extract:
    from osmnx._errors import InsufficientResponseError, ResponseStatusCodeError

    try:
        with _our_settings(service):
            graph = download()
    except (requests.RequestException, InsufficientResponseError, ResponseStatusCodeError, TypeError) as error:
        raise NetworkError(f"{request}: expected streets, got {type(error).__name__}: {error}") from None
    except ValueError as error:  # OSMnx: found no graph nodes within the requested polygon
        raise NetworkError(f"{request}: expected streets, got: {error}") from None
    nodes = {str(number): (tags["x"], tags["y"], tags) for number, tags in graph.nodes(data=True)}
    edges = [(str(u), str(v), tags) for u, v, tags in graph.edges(data=True)]
    date = str(graph.graph.get("created_date", ""))[:10]
    return checked(with_squares(extract_of_graph(nodes, edges, DEGREES_CRS, request, date)))


@contextmanager
def _our_settings(service: str) -> Iterator[None]:
    """Ask for the tags that we read, and for today's answer rather than one kept in the working folder."""
    ours: dict[str, Any] = {
        "useful_tags_way": sorted({*ox.settings.useful_tags_way, *WAY_TAGS}),
        "useful_tags_node": sorted({*ox.settings.useful_tags_node, *NODE_TAGS}),
        "use_cache": False,
    }
    if service:
        ours |= {"overpass_url": service, "overpass_rate_limit": False}  # one's own service hands out no slots
    before = {name: getattr(ox.settings, name) for name in ours}
    try:
        for name, value in ours.items():
            setattr(ox.settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(ox.settings, name, value)
