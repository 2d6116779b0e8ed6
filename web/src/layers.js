// The layers of the map: streets by origin, railway, stops, hubs, quarters, flows, times to the platform, refusals.
import L from 'leaflet';
import { BANDS, band, bandName, modeColour } from './look.js';
import { h } from './page.js';
import { mode, number, reason, service, t } from './words.js';

// What a layer says under the mouse; an element, since Leaflet reads a string as HTML.
const tip = (layer, words, options = { sticky: true }) => layer.bindTooltip(() => h('span', {}, words), options);

export const STREET = {
  real: { color: '#2f3b47', weight: 2.2, opacity: 0.95 },
  inferred: { color: '#8b97a3', weight: 1.3, opacity: 0.9, dashArray: '5 2' },
  planned: { color: '#7b3fb0', weight: 1.6, opacity: 0.95, dashArray: '2 3' },
};
const WIDTH = { main: 1.7, collector: 1.25, local: 0.9, path: 0.55 };
export const kindOf = (origin) => (origin === 'inferred' || origin === 'planned' ? origin : 'real');

export function streetLayers(area, geometry, canvas) {
  const layers = { real: L.layerGroup(), inferred: L.layerGroup(), planned: L.layerGroup() };
  area.streets.forEach(([klass, origin], at) => {
    const kind = kindOf(area.origins[origin]);
    const style = STREET[kind];
    const name = area.classes[klass];
    L.polyline(geometry.latlngs(at), { ...style, weight: style.weight * (WIDTH[name] ?? 1), renderer: canvas, interactive: false, smoothFactor: 0.5 }).addTo(layers[kind]);
  });
  return layers;
}

export function railLayer(area, canvas) {
  const layer = L.layerGroup();
  for (const flat of area.rail) {
    const points = [];
    let lon = 0;
    let lat = 0;
    for (let at = 0; at < flat.length; at += 2) {
      lon += flat[at];
      lat += flat[at + 1];
      points.push([lat / 1e5, lon / 1e5]);
    }
    L.polyline(points, { color: '#111820', weight: 4.5, renderer: canvas, interactive: false }).addTo(layer);
    L.polyline(points, { color: '#ffffff', weight: 2.2, dashArray: '9 9', renderer: canvas, interactive: false }).addTo(layer);
  }
  return layer;
}

export function placeLayers(side, geometry) {
  const stops = L.layerGroup();
  const hubs = L.layerGroup();
  for (const [row, name, kind, called] of side.map.stops) {
    const [lon, lat] = geometry.lonlat[row];
    if (called || kind === 'stop') tip(L.marker([lat, lon], { icon: L.divIcon({ className: 'stop', iconSize: [11, 11] }), keyboard: false, alt: name }), `${t('map.stops')}: ${name}`, {}).addTo(stops);
    if (kind === 'hub') tip(L.marker([lat, lon], { icon: L.divIcon({ className: 'hub', html: 'P', iconSize: [16, 16], iconAnchor: [-4, 18] }), keyboard: false, alt: name }), `${t('map.hubs')}: ${name}`, {}).addTo(hubs);
  }
  return { stops, hubs };
}

// Names that always stand on the map: hubs first, then quarters, then stops; one that would cover another is hidden.
export function labelLayer(side, area, geometry) {
  const layer = L.layerGroup();
  const seen = new Set();
  const add = (name, lat, lon, className) => {
    if (!name || seen.has(name)) return;
    seen.add(name);
    L.tooltip({ permanent: true, direction: className === 'quarter' ? 'center' : 'right', offset: className === 'quarter' ? [0, 0] : [6, 0], className: `placename ${className}`, opacity: 1 }).setLatLng([lat, lon]).setContent(h('span', {}, name)).addTo(layer);
  };
  const places = (wanted) => {
    for (const [row, name, kind, called] of side.map.stops) {
      const [lon, lat] = geometry.lonlat[row];
      if (wanted === 'hub' ? kind === 'hub' : called || kind === 'stop') add(name, lat, lon, wanted);
    }
  };
  places('hub');
  for (const zone of area.zones) {
    const [lons, lats] = [0, 1].map((axis) => zone.outline.map((corner) => corner[axis]));
    add(zone.name, (Math.min(...lats) + Math.max(...lats)) / 2, (Math.min(...lons) + Math.max(...lons)) / 2, 'quarter');
  }
  places('stop');
  return layer;
}

// Hides each label that lies over one before it; called when the map has moved.
export function spreadLabels(layer) {
  const kept = [];
  for (const label of layer.getLayers()) {
    const element = label.getElement();
    if (!element) continue;
    element.hidden = false;
    const box = element.getBoundingClientRect();
    element.hidden = kept.some((other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom);
    if (!element.hidden) kept.push(box);
  }
}

export function zoneLayer(area, canvas) {
  const layer = L.layerGroup();
  for (const zone of area.zones) {
    const words = [zone.name, zone.residents && t('map.residents', { n: number(zone.residents) }), zone.jobs && t('map.jobs', { n: number(zone.jobs) })].filter(Boolean).join(', ');
    tip(L.polygon(zone.outline.map(([lon, lat]) => [lat, lon]), { color: '#7b3fb0', weight: 1.5, dashArray: '6 4', fillColor: '#7b3fb0', fillOpacity: 0.08, renderer: canvas }), words).addTo(layer);
  }
  return layer;
}

// Zones for shared vehicles, each with the hours in which it holds; the map shows those that hold at its time.
export const ZONE = { no_ride: { color: '#b3001b', dashArray: null }, no_park: { color: '#a35200', dashArray: '6 4' }, mandatory_parking: { color: '#0a5795', dashArray: '2 4' }, slow: { color: '#7a6a00', dashArray: '10 4' } };
export function ridingZones(side, canvas) {
  return side.map.riding.map((zone) => {
    const words = [t(`zone.${zone.rule}`, { speed: zone.speed_km_h ? number(zone.speed_km_h) : '' }), zone.name, service(zone.service, side.services)].filter(Boolean).join(' · ');
    const shape = tip(L.polygon(zone.rings.map((ring) => ring.map(([lon, lat]) => [lat, lon])), { ...ZONE[zone.rule], weight: 2.5, fillColor: ZONE[zone.rule]?.color, fillOpacity: 0.16, fillRule: 'evenodd', renderer: canvas }), words);
    return { shape, spans: zone.spans_s };
  });
}

// Trips along each street by one mode; of vehicles, the people aboard.
export function flowLayer(side, area, geometry, wanted, canvas) {
  const layer = L.layerGroup();
  const counts = side.map.flows[wanted] ?? aboard(side, area, wanted);
  const most = counts.reduce((high, count) => Math.max(high, count), 1);
  counts.forEach((count, at) => {
    if (count < most / 400) return;
    tip(L.polyline(geometry.latlngs(at), { color: modeColour(wanted, side.modes), weight: 0.8 + 13 * (count / most) ** 0.75, opacity: 0.75, lineCap: 'round', renderer: canvas }), t('map.flow', { n: number(count), mode: mode(wanted) })).addTo(layer);
  });
  return layer;
}
function aboard(side, area, wanted) {
  const counts = new Array(area.lines.length).fill(0);
  for (const vehicle of side.map.vehicles) {
    if (side.services[vehicle.service].mode !== wanted || vehicle.shown === 'free' || vehicle.kind === 'van') continue;
    for (let at = 0; at < vehicle.s.length; at += 4) {
      const way = Math.abs(vehicle.s[at]) - 1;
      for (const step of way < 0 ? [] : side.map.ways[way]) if (Math.abs(step) < 1e6) counts[Math.abs(step) - 1] += vehicle.s[at + 3];
    }
  }
  return counts;
}
export const flowModes = (side) => side.modes.filter((name) => side.map.flows[name] || side.map.vehicles.some((vehicle) => side.services[vehicle.service].mode === name && vehicle.shown !== 'free' && vehicle.kind !== 'van'));

export function walkLayer(side, geometry, canvas) {
  const layer = L.layerGroup();
  side.map.walk_min.forEach((minutes, at) => {
    if (minutes < 0) return;
    tip(L.polyline(geometry.latlngs(at), { color: band(minutes).colour, weight: 7, opacity: 0.6, lineCap: 'butt', renderer: canvas }), t('map.minutes', { n: number(minutes, 0) })).addTo(layer);
  });
  return layer;
}

export function platformLayer(side, canvas) {
  const layer = L.layerGroup();
  for (const [west, south, east, north, minutes, trips] of side.map.platform_min) {
    tip(L.rectangle([[south, west], [north, east]], { stroke: true, color: '#ffffff', weight: 1, fillColor: band(minutes).colour, fillOpacity: 0.55, renderer: canvas }), t('map.lived', { n: number(minutes, 0), trips: number(trips) })).addTo(layer);
  }
  return layer;
}

export function spotLayer(side, canvas) {
  const layer = L.layerGroup();
  const most = side.map.spots.reduce((high, spot) => Math.max(high, spot.count), 1);
  for (const spot of side.map.spots) {
    const why = Object.entries(spot.reasons).sort((one, two) => two[1] - one[1]).map(([name, count]) => `${reason(name)} ${number(count)}`).join(', ');
    const what = spot.service ? t('map.refused', { service: service(spot.service, side.services) }) : t('map.unserved');
    const colour = spot.service ? modeColour(side.services[spot.service]?.mode ?? 'none', side.modes) : '#1c2b39';
    const dashArray = spotDash(spot.service, side);
    tip(L.circleMarker([spot.lat, spot.lon], { radius: 4 + 22 * Math.sqrt(spot.count / most), color: spot.service ? '#1c2b39' : '#b3001b', weight: spot.service ? 1 : 2.5, dashArray, fillColor: colour, fillOpacity: spot.service ? 0.6 : 0.1, renderer: canvas }), `${number(spot.count)} · ${what}: ${why}`, {}).addTo(layer);
  }
  return layer;
}
// What was refused by one service differs from that of another by the edge, too, not by colour alone.
export const spotServices = (side) => [...new Set(side.map.spots.map((spot) => spot.service))].sort();
const SPOT_DASH = [null, '7 3', '2 3', '9 3 2 3'];
export const spotDash = (name, side) => (name ? SPOT_DASH[spotServices(side).filter(Boolean).indexOf(name) % SPOT_DASH.length] : '4 3');
export { BANDS, bandName };
