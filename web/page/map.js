// The map: the area's own streets with names, and what the question puts there, to be dragged.
import L from 'leaflet';
import { h } from '../src/page.js';
import { pair } from './shapes.js';

const WIDTH = { main: 2.4, collector: 1.8, local: 1.2, path: 0.7 };
const LETTER_PX = 6.8;
const LINE_PX = 14;
const DIGIT_PX = 3.4; // half of a digit of a circle
const RIM_PX = 4;
const FULL_PX = 640;
const GAP_PX = 2;
const ROUNDS = 80;

// Circles with figures moved apart until none covers another, each as little as it takes; in pixels.
export function apart(circles) {
  const spots = circles.map(({ x, y }) => ({ x, y }));
  for (let round = 0; round < ROUNDS; round += 1) {
    let met = false;
    for (let one = 0; one < spots.length; one += 1) for (let other = 0; other < one; other += 1) {
      const [a, b] = [spots[one], spots[other]];
      const [dx, dy] = [a.x - b.x || 0.01 * (one - other), a.y - b.y || 0.01];
      const far = Math.hypot(dx, dy);
      const push = (circles[one].radius + circles[other].radius + GAP_PX - far) / 2;
      if (push <= 0) continue;
      met = true;
      a.x += (dx / far) * push; a.y += (dy / far) * push;
      b.x -= (dx / far) * push; b.y -= (dy / far) * push;
    }
    if (!met) break;
  }
  return spots;
}

export class QuestionMap {
  constructor(element, area, moved) {
    this.moved = moved; // called with key, entries as (at, place or polygon), and whether the drag has ended
    this.map = L.map(element, { preferCanvas: true, zoomControl: false, attributionControl: false, fadeAnimation: false, zoomSnap: 0.5, keyboard: true });
    L.control.zoom({ zoomInText: '+', zoomOutText: '−' }).addTo(this.map); // the library's own texts are HTML
    const canvas = L.canvas({ padding: 0.4 });
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const street = dark ? '#66727f' : '#9aa5b0';
    this.bounds = L.latLngBounds([]);
    for (const { outline } of area.quarters) L.polygon(outline.map(([lon, lat]) => [lat, lon]), { color: dark ? '#4c5b40' : '#c9d6b6', weight: 1, fillOpacity: 0.35, interactive: false, renderer: canvas }).addTo(this.map);
    for (const [klass, flat] of area.streets) {
      const points = [];
      for (let at = 0; at < flat.length; at += 2) points.push([flat[at + 1] / 1e5, flat[at] / 1e5]);
      points.forEach((point) => this.bounds.extend(point));
      L.polyline(points, { color: street, weight: WIDTH[klass] ?? 1, renderer: canvas, interactive: false, smoothFactor: 1 }).addTo(this.map);
    }
    for (const line of area.rail) L.polyline(line.map(([lon, lat]) => [lat, lon]), { color: dark ? '#d5dce3' : '#22303c', weight: 2.5, dashArray: '8 5', renderer: canvas, interactive: false }).addTo(this.map);
    this.names = area.places;
    this.labels = L.layerGroup().addTo(this.map);
    this.drawn = L.layerGroup().addTo(this.map);
    this.sketch = L.layerGroup().addTo(this.map);
    this.circles = L.layerGroup().addTo(this.map);
    this.map.fitBounds(this.bounds.isValid() ? this.bounds : [[60, 25], [60.01, 25.01]]);
    this.map.on('zoomend', () => this.spread());
    this.map.on('zoomend moveend', () => this.label());
    this.map.on('click', (event) => this.clicked(event.latlng));
    this.label();
  }

  // Names that do not lie over each other, those of what the question puts there first.
  label() {
    this.labels.clearLayers();
    const at = ({ lat, lon }) => this.map.latLngToContainerPoint([lat, lon]);
    const taken = (this.rounds ?? []).filter(({ text }) => text).map((one) => { const { x, y } = at(one); return [x - one.radius, y - one.radius, x + one.radius, y + one.radius]; });
    const named = new Set();
    const { x: width } = this.map.getSize();
    for (const place of [...(this.own ?? []), ...this.names]) {
      const { x, y } = at(place);
      const [aside, long] = [(place.aside ?? 6) + 1, place.name.length * LETTER_PX];
      const right = x + aside + long <= width || x - aside - long < 0;
      const left = right ? x + aside : x - aside - long;
      const box = [left, y - LINE_PX / 2, left + long, y + LINE_PX / 2];
      if (named.has(place.name) || taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      named.add(place.name);
      taken.push(box);
      L.tooltip({ permanent: true, direction: right ? 'right' : 'left', className: 'label', offset: [right ? aside - 1 : 1 - aside, 0], interactive: false }).setLatLng([place.lat, place.lon]).setContent(h('span', {}, place.name)).addTo(this.labels);
    }
  }

  show(shapes) {
    this.drawn.clearLayers();
    this.own = [];
    for (const [key, { kind, entries }] of Object.entries(shapes)) {
      if (kind === 'stops') this.loop(entries);
      entries.forEach((entry, at) => {
        if (entry.polygon?.length) this.area(key, entry, at, kind);
        else if (entry.lon !== undefined && kind !== 'depots') this.place(key, entry, at, kind);
      });
    }
    this.label();
  }

  // Circles of an answer in place of what the question puts there: a click anywhere chooses the nearest one.
  round(circles, chosen) {
    this.chosen = chosen;
    const small = Math.min(1, Math.sqrt(this.map.getSize().x / FULL_PX)); // on a narrow map
    this.placed = circles.filter(({ lat, lon }) => this.holds([lon, lat])).map((one) => ({ ...one, radius: Math.max(one.radius * small, RIM_PX + DIGIT_PX * one.text.length * (one.text ? 1 : 0)) }))
      .sort((a, b) => Boolean(a.text) - Boolean(b.text));
    this.spread();
    this.label();
  }
  holds([lon, lat]) { return this.bounds.contains([lat, lon]); }

  // Those that would cover each other move apart, with a line to where each belongs.
  spread() {
    this.circles.clearLayers();
    const pixels = (this.placed ?? []).map((one) => ({ ...one, ...this.map.project([one.lat, one.lon]) }));
    const figures = pixels.filter(({ text }) => text);
    const moved = new Map(apart(figures).map((spot, at) => [figures[at], spot]));
    const renderer = (this.svg ??= L.svg({ padding: 0.4 }));
    const circles = this.rounds = pixels.map((one) => {
      const spot = moved.get(one);
      const far = spot ? Math.hypot(spot.x - one.x, spot.y - one.y) : 0;
      const { lat, lng: lon } = far ? this.map.unproject([spot.x, spot.y]) : { lat: one.lat, lng: one.lon };
      if (far > one.radius / 2) L.polyline([[one.lat, one.lon], [lat, lon]], { className: 'leader', interactive: false, renderer }).addTo(this.circles);
      return { ...one, lat, lon };
    });
    for (const { lat, lon, radius, kind, text, chosen: ringed } of circles) {
      const middle = [lat, lon];
      L.circleMarker(middle, { radius, className: `round ${kind}${ringed ? ' ringed' : ''}`, interactive: false, renderer }).addTo(this.circles);
      if (text) L.tooltip({ permanent: true, direction: 'center', className: `label count ${kind}`, interactive: false, opacity: 1 }).setLatLng(middle).setContent(h('span', {}, text)).addTo(this.circles);
    }
    if (circles.length) this.own = circles.filter(({ text, chosen: ringed }) => text || ringed).map(({ title, lat, lon, radius }) => ({ name: title, lat, lon, aside: radius }));
  }
  fitRound() {
    const [some, all] = [this.placed.filter(({ text }) => text), this.placed];
    if (!all.length) return;
    const around = L.latLngBounds((some.length > 1 ? some : all).map(({ lat, lon }) => [lat, lon])).pad(0.25);
    const [low, high] = [around.getSouthWest(), around.getNorthEast()];
    const [least, most] = [this.bounds.getSouthWest(), this.bounds.getNorthEast()]; // no further out than the streets go
    this.map.fitBounds([[Math.max(low.lat, least.lat), Math.max(low.lng, least.lng)], [Math.min(high.lat, most.lat), Math.min(high.lng, most.lng)]], { maxZoom: 16 });
  }

  fitOwn() {
    if (this.own?.length > 1) this.map.fitBounds(L.latLngBounds(this.own.map(({ lat, lon }) => [lat, lon])).pad(0.35));
  }

  loop(stops) {
    const points = stops.map(({ lat, lon }) => [lat, lon]);
    this.lap = L.polyline([...points, points[0]], { color: '#a8326e', weight: 3, opacity: 0.75, dashArray: '2 6', interactive: false }).addTo(this.drawn);
  }

  place(key, entry, at, kind) {
    const marker = L.marker([entry.lat, entry.lon], { draggable: true, autoPan: true, keyboard: false, title: entry.name, icon: L.divIcon({ className: `mark ${kind}`, iconSize: [22, 22] }) }).addTo(this.drawn);
    marker.getElement().textContent = kind === 'stops' ? String(at + 1) : 'P';
    this.own.push(entry);
    const lap = this.lap;
    marker.on('drag', () => {
      if (kind === 'stops') {
        const points = lap.getLatLngs();
        points[at] = marker.getLatLng();
        if (!at) points[points.length - 1] = marker.getLatLng();
        lap.setLatLngs(points);
      }
      this.moved(key, at, marker.getLatLng(), false);
    });
    marker.on('dragend', () => this.moved(key, at, marker.getLatLng(), true));
  }

  area(key, entry, at, kind) {
    const points = entry.polygon.map(([lon, lat]) => L.latLng(lat, lon));
    const polygon = L.polygon(points, { color: kind === 'zones' ? '#b3001b' : '#5b3a00', weight: 2, fillOpacity: 0.18, dashArray: kind === 'zones' ? null : '6 4', interactive: false, renderer: L.svg() }).addTo(this.drawn);
    points.forEach((point, corner) => {
      const handle = L.marker(point, { draggable: true, keyboard: false, icon: L.divIcon({ className: 'corner', iconSize: [10, 10] }) }).addTo(this.drawn);
      handle.on('drag', () => {
        points[corner] = handle.getLatLng();
        polygon.setLatLngs(points);
      });
      handle.on('dragend', () => this.moved(key, at, points.map(pair), true));
    });
  }

  // Drawing: clicks are corners of an outline, or one place.
  draw(one, done) {
    this.points = [];
    this.one = one;
    this.done = done;
    this.map.getContainer().classList.add('drawing');
  }
  clicked(point) {
    if (!this.done) return this.nearest(point);
    this.points.push(point);
    if (this.one) return this.finish();
    this.sketch.clearLayers();
    L.polygon(this.points, { color: '#b3001b', weight: 2, dashArray: '4 4', interactive: false }).addTo(this.sketch);
    this.points.forEach((corner) => L.circleMarker(corner, { radius: 4, color: '#b3001b', interactive: false }).addTo(this.sketch));
  }
  nearest(point) {
    const away = ({ lat, lon }) => this.map.distance(point, [lat, lon]);
    const [place] = [...(this.chosen ? this.rounds : [])].sort((a, b) => away(a) - away(b));
    if (place) this.chosen(place.name);
  }
  finish() {
    const { points, done, one } = this;
    this.cancel();
    if (done && (one ? points.length : points.length > 2)) done(one ? points[0] : points.map(pair));
  }
  cancel() {
    this.done = null;
    this.points = [];
    this.sketch.clearLayers();
    this.map.getContainer().classList.remove('drawing');
  }
}
