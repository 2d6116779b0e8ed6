// The canvas above the map on which things move. One pass a frame, no objects made, colours drawn together.
import L from 'leaflet';
import { modeColour } from './look.js';

const HIT_PX = 14;
const OUTLINED = 600; // more of one mode than this are drawn without a white edge, which costs as much as they do
const CHARGE = [[20, 0], [50, 0.5], [101, 1]]; // how much of the diamond is filled: charge is told by shape, not by colour

export const Moving = L.Layer.extend({
  initialize() {
    this.day = null;
    this.time = 0;
    this.show = { people: true, vehicles: true };
    this.chosen = null;
    this.counts = { people: 0, vehicles: 0 };
    this.costs = [];
    this.point = [0, 0];
  },

  onAdd(map) {
    this.canvas = L.DomUtil.create('canvas', 'moving');
    this.canvas.setAttribute('aria-hidden', 'true');
    this.pen = this.canvas.getContext('2d');
    map.getPane('overlayPane').appendChild(this.canvas);
    map.on('move zoom resize viewreset zoomend moveend', this.place, this);
    this.place();
  },

  onRemove(map) {
    this.canvas.remove();
    map.off('move zoom resize viewreset zoomend moveend', this.place, this);
  },

  place() {
    const size = this._map.getSize();
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (this.canvas.width !== Math.round(size.x * ratio) || this.canvas.height !== Math.round(size.y * ratio)) {
      this.canvas.width = Math.round(size.x * ratio);
      this.canvas.height = Math.round(size.y * ratio);
      this.canvas.style.width = `${size.x}px`;
      this.canvas.style.height = `${size.y}px`;
    }
    L.DomUtil.setPosition(this.canvas, this._map.containerPointToLayerPoint([0, 0]));
    this.ratio = ratio;
    this.draw();
  },

  setDay(day) {
    this.day = day;
    const total = day.people.length + day.vehicles.length;
    this.x = new Float32Array(total);
    this.y = new Float32Array(total);
    this.seen = new Uint8Array(total);
    this.chosen = null;
    this.order = [...day.people, ...day.vehicles];
    this.colours = day.modes.map((mode) => modeColour(mode, day.modes));
    this.buckets = day.modes.map(() => new Int32Array(day.people.length));
    this.filled = new Int32Array(day.modes.length);
    this.draw();
  },

  draw() {
    if (!this.day || !this._map) return;
    const began = performance.now();
    const { pen, day, ratio, point, time } = this;
    const zoom = this._map.getZoom();
    const scale = 2 ** zoom;
    const corner = this._map._getTopLeftPoint();
    const origin = this._map.getPixelOrigin();
    const left = origin.x + corner.x - origin.x;
    const top = origin.y + corner.y - origin.y;
    const width = this.canvas.width / ratio;
    const height = this.canvas.height / ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.seen.fill(0);
    this.filled.fill(0);
    let people = 0;
    let vehicles = 0;
    const place = (thing, index) => {
      const state = day.where(thing, time, point);
      if (state === null) return null;
      const x = point[0] * scale - left;
      const y = point[1] * scale - top;
      this.x[index] = x;
      this.y[index] = y;
      this.seen[index] = state === 'moving' ? 2 : 1;
      return x > -20 && y > -20 && x < width + 20 && y < height + 20 ? state : 'beyond';
    };
    if (this.show.people) {
      const under = day.underWay(time);
      for (let rank = 0; rank < under.length; rank += 1) {
        const at = under[rank];
        const state = place(day.people[at], at);
        if (state !== null) people += 1;
        if (state === 'moving') {
          const mode = day.loadOf(day.people[at]);
          this.buckets[mode][this.filled[mode]] = at;
          this.filled[mode] += 1;
        }
      }
      const size = zoom >= 15 ? 3.4 : 2.5;
      for (let mode = 0; mode < this.buckets.length; mode += 1) this.drawPeople(day.modes[mode], mode, size);
    }
    if (this.show.vehicles) {
      const first = day.people.length;
      for (let at = 0; at < day.vehicles.length; at += 1) {
        const thing = day.vehicles[at];
        const state = place(thing, first + at);
        if (state === null) continue;
        if (this.seen[first + at] === 2 || !thing.free) vehicles += 1;
        if (state !== 'beyond') this.drawVehicle(thing, first + at, state, zoom);
      }
    }
    this.drawChosen();
    this.counts.people = people;
    this.counts.vehicles = vehicles;
    this.costs.push(performance.now() - began);
    if (this.costs.length > 600) this.costs.shift();
  },

  // Walking is a dot, riding a bicycle a triangle, a car a square: shape tells modes apart without colour.
  drawPeople(name, mode, size) {
    const count = this.filled[mode];
    if (!count) return;
    const { pen, x, y } = this;
    const rows = this.buckets[mode];
    pen.beginPath();
    for (let at = 0; at < count; at += 1) {
      const px = x[rows[at]];
      const py = y[rows[at]];
      if (name === 'car') pen.rect(px - size, py - size, 2 * size, 2 * size);
      else if (name === 'bicycle') {
        pen.moveTo(px, py - size * 1.3);
        pen.lineTo(px + size * 1.2, py + size);
        pen.lineTo(px - size * 1.2, py + size);
      } else {
        // A hexagon: at this size no eye tells it from a circle, and it costs a third.
        pen.moveTo(px + size, py);
        pen.lineTo(px + size * 0.5, py + size * 0.9);
        pen.lineTo(px - size * 0.5, py + size * 0.9);
        pen.lineTo(px - size, py);
        pen.lineTo(px - size * 0.5, py - size * 0.9);
        pen.lineTo(px + size * 0.5, py - size * 0.9);
      }
    }
    pen.fillStyle = this.colours[mode];
    pen.fill();
    if (count > OUTLINED) return;
    pen.lineWidth = 0.7;
    pen.strokeStyle = '#ffffff';
    pen.stroke();
  },

  drawVehicle(thing, index, state, zoom) {
    const { pen } = this;
    const x = this.x[index];
    const y = this.y[index];
    const load = this.day.loadOf(thing);
    if (thing.free) this.drawFree(thing, x, y, state, load, zoom);
    else if (thing.kind === 'van') this.drawVan(x, y, state);
    else this.drawLine(thing, x, y, load, zoom);
    pen.globalAlpha = 1;
  },

  // Parked or ridden by one: a diamond, filled as far as it is charged, and with a bar near by.
  drawFree(thing, x, y, state, charge, zoom) {
    const { pen } = this;
    const size = state === 'moving' ? 5.5 : 4;
    pen.beginPath();
    pen.moveTo(x, y - size);
    pen.lineTo(x + size, y);
    pen.lineTo(x, y + size);
    pen.lineTo(x - size, y);
    pen.closePath();
    const colour = '#1c2b39';
    const filled = charge < 0 ? 0 : CHARGE.find(([under]) => charge < under)[1];
    pen.fillStyle = state === 'moving' ? modeColour(thing.mode) : '#ffffff';
    pen.fill();
    pen.lineWidth = state === 'moving' ? 1.8 : 1.5;
    pen.strokeStyle = colour;
    pen.stroke();
    if (state !== 'moving' && filled) {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(x - size, y);
      pen.lineTo(x, y + size);
      pen.lineTo(x + size, y);
      if (filled === 1) pen.lineTo(x, y - size);
      pen.fill();
    }
    if (zoom >= 16 && charge >= 0) {
      pen.fillStyle = '#ffffff';
      pen.fillRect(x - 7, y + size + 2, 14, 4);
      pen.fillStyle = colour;
      pen.fillRect(x - 6, y + size + 3, (12 * charge) / 100, 2);
    }
  },

  // A crew's van: a dark square with a corner, whoever it works for; pale while it stands.
  drawVan(x, y, state) {
    const { pen } = this;
    pen.fillStyle = '#ffffff';
    pen.fillRect(x - 8, y - 6, 16, 12);
    pen.fillStyle = state === 'moving' ? '#1c2b39' : '#5a6875';
    pen.beginPath();
    pen.moveTo(x - 7, y - 5);
    pen.lineTo(x + 2, y - 5);
    pen.lineTo(x + 7, y);
    pen.lineTo(x + 7, y + 5);
    pen.lineTo(x - 7, y + 5);
    pen.closePath();
    pen.fill();
  },

  // With a driver or a timetable: a bar that fills as places do; the number aboard stands on it.
  drawLine(thing, x, y, aboard, zoom) {
    const { pen } = this;
    const train = thing.kind === 'train';
    const near = zoom >= 14;
    const width = train ? (near ? 30 : 18) : thing.kind === 'bus' ? (near ? 16 : 8) : near ? 24 : 14;
    const height = train ? (near ? 14 : 8) : near ? 13 : 7;
    const full = thing.places > 0 ? Math.min(1, aboard / thing.places) : 0;
    pen.fillStyle = '#ffffff';
    pen.fillRect(x - width / 2 - 1, y - height / 2 - 1, width + 2, height + 2);
    pen.fillStyle = train ? '#cfe2f2' : thing.kind === 'bus' ? '#dbe7ef' : thing.kind === 'on_demand' ? '#f6f1c4' : '#f3dbe8';
    pen.fillRect(x - width / 2, y - height / 2, width, height);
    pen.fillStyle = thing.kind === 'bus' ? '#5b93b8' : modeColour(thing.mode);
    pen.fillRect(x - width / 2, y - height / 2, width * full, height);
    pen.lineWidth = train ? 1.6 : 1.1;
    pen.strokeStyle = '#1c2b39';
    pen.strokeRect(x - width / 2, y - height / 2, width, height);
    if (thing.kind === 'on_demand') { // a roof tells it from a shuttle without colour
      pen.fillStyle = '#1c2b39';
      pen.beginPath();
      pen.moveTo(x - width / 2, y - height / 2);
      pen.lineTo(x, y - height / 2 - 5);
      pen.lineTo(x + width / 2, y - height / 2);
      pen.fill();
    }
    if (near && (thing.kind !== 'bus' || zoom >= 15)) {
      pen.font = '600 10px system-ui, sans-serif';
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      pen.lineWidth = 2.5;
      pen.strokeStyle = '#ffffff';
      pen.strokeText(String(aboard), x, y + 0.5);
      pen.fillStyle = '#101c28';
      pen.fillText(String(aboard), x, y + 0.5);
    }
  },

  drawChosen() {
    const index = this.chosen;
    if (index === null || !this.seen[index]) return;
    const { pen } = this;
    pen.beginPath();
    pen.arc(this.x[index], this.y[index], 15, 0, 6.2832);
    pen.lineWidth = 3;
    pen.strokeStyle = '#b3001b';
    pen.stroke();
  },

  // The nearest thing within reach of a point of the map; those that move before those that stand.
  hit(at) {
    let best = null;
    let least = HIT_PX;
    for (let index = 0; index < this.seen.length; index += 1) {
      if (!this.seen[index]) continue;
      const far = Math.hypot(this.x[index] - at.x, this.y[index] - at.y) + (this.seen[index] === 1 ? 3 : 0);
      if (far < least) [best, least] = [index, far];
    }
    return best;
  },
});
