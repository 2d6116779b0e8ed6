// The map: the area's own streets with names, and what the question puts there, to be dragged.
import L from 'leaflet';
import { h } from '../src/page.js';
import { pair } from './shapes.js';

const WIDTH = { main: 2.4, collector: 1.8, local: 1.2, path: 0.7 };
const LETTER_PX = 6.8;
const LINE_PX = 14;

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
    for (const place of [...(this.own ?? []), ...this.names]) {
      const { x, y } = at(place);
      const left = x + (place.aside ?? 6) + 1;
      const box = [left, y - LINE_PX / 2, left + place.name.length * LETTER_PX, y + LINE_PX / 2];
      if (named.has(place.name) || taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      named.add(place.name);
      taken.push(box);
      L.tooltip({ permanent: true, direction: 'right', className: 'label', offset: [place.aside ?? 6, 0], interactive: false }).setLatLng([place.lat, place.lon]).setContent(h('span', {}, place.name)).addTo(this.labels);
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
    this.circles.clearLayers();
    this.rounds = circles;
    this.chosen = chosen;
    for (const { lat, lon, radius, kind, text, chosen: ringed } of circles) {
      const middle = [lat, lon];
      L.circleMarker(middle, { radius, className: `round ${kind}${ringed ? ' ringed' : ''}`, interactive: false, renderer: (this.svg ??= L.svg({ padding: 0.4 })) }).addTo(this.circles);
      if (text) L.tooltip({ permanent: true, direction: 'center', className: `label count ${kind}`, interactive: false, opacity: 1 }).setLatLng(middle).setContent(h('span', {}, text)).addTo(this.circles);
    }
    if (circles.length) {
      this.own = circles.filter(({ text, chosen: ringed }) => text || ringed).map(({ title, lat, lon, radius }) => ({ name: title, lat, lon, aside: radius }));
      this.label();
    }
  }
  fitRound() {
    const [some, all] = [this.rounds.filter(({ text }) => text), this.rounds];
    if (all.length) this.map.fitBounds(L.latLngBounds((some.length > 1 ? some : all).map(({ lat, lon }) => [lat, lon])).pad(0.25), { maxZoom: 16 });
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
