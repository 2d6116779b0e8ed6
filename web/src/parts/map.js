// The map with its layers, and the playback of the day on it.
import L from 'leaflet';
import { Day } from '../day.js';
import { Geometry } from '../geometry.js';
import { dataText } from '../figures.js';
import { BANDS, STREET, ZONE, bandName, flowLayer, flowModes, labelLayer, placeLayers, platformLayer, railLayer, ridingZones, spotDash, spotLayer, spotServices, spreadLabels, streetLayers, walkLayer, zoneLayer } from '../layers.js';
import { modeColour } from '../look.js';
import { Moving } from '../moving.js';
import { choice, h, section } from '../page.js';
import { nameOf, story } from '../story.js';
import { topicName } from './happened.js';
import { clock, fromData, mode, named, number, service, t } from '../words.js';

const SPEEDS = [10, 30, 60, 120, 300, 600];
const FEATURED = 40;
export const LAYERS = ['real', 'inferred', 'planned', 'rail', 'zones', 'riding', 'walk', 'platform', 'flows', 'spots', 'stops', 'hubs', 'labels', 'people', 'vehicles'];
const MOVING = ['people', 'vehicles'];
const AT_FIRST = ['real', 'inferred', 'planned', 'rail', 'zones', 'riding', 'stops', 'hubs', 'labels', 'people', 'vehicles'];

export class MapPart {
  constructor(content) {
    this.content = content;
    this.side = content.sides.length - 1;
    this.on = new Set(AT_FIRST);
    this.flowMode = null;
    this.speed = 60;
    this.time = null;
    this.playing = false;
    this.view = null;
    this.days = new Map();
    this.geometries = new Map();
  }

  section() {
    this.leave();
    const area = this.content.areas[this.content.sides[this.side].area];
    if (!area.streets.length) return section('map', t('part.map'), h('p', {}, t('map.nomap')));
    this.elements();
    return section('map', t('part.map'), h('p', { class: 'lead' }, t('map.lead')),
      h('div', { class: 'mapframe' },
        h('div', { class: 'stage' }, this.place, this.playbar(), this.panel()),
        h('div', { class: 'mapside' }, this.switches(), this.legend)));
  }

  elements() {
    const area = this.content.areas[this.content.sides[this.side].area];
    this.place = h('div', { id: 'map-view', tabindex: '0', role: 'application', 'aria-label': t('map.label', { area: fromData(area.about.title ?? area.about.name ?? '', true) }) });
    this.legend = h('div', { class: 'legend', id: 'map-legend' });
    this.clockface = h('output', { id: 'play-clock', for: 'play-time' }, '');
    this.counts = h('span', { id: 'play-counts', class: 'small' }, '');
    this.storyBox = h('div', { id: 'story', 'aria-live': 'polite' }, h('p', { class: 'small' }, t('story.none')));
  }

  // After the section stands in the document.
  start() {
    if (!this.place?.isConnected) return;
    const side = this.content.sides[this.side];
    this.area = this.content.areas[side.area];
    this.geometry = this.geometries.get(side.area) ?? new Geometry(this.area);
    this.geometries.set(side.area, this.geometry);
    this.day = this.days.get(this.side) ?? new Day(side, this.geometry);
    this.days.set(this.side, this.day);
    this.map = L.map(this.place, { preferCanvas: true, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, zoomSnap: 0.25, zoomDelta: 0.5, wheelPxPerZoomLevel: 120, attributionControl: false, zoomControl: false, minZoom: 9, maxZoom: 19 });
    const attribution = L.control({ position: 'bottomright' });
    attribution.onAdd = () => h('div', { class: 'leaflet-control-attribution' }, fromData(this.area.about.attribution ?? ''));
    attribution.addTo(this.map);
    L.control.zoom({ position: 'topleft', zoomInText: '+', zoomOutText: '−' }).addTo(this.map);
    L.control.scale({ imperial: false }).addTo(this.map);
    this.bounds = L.latLngBounds(this.area.streets.flatMap((_, at) => this.geometry.latlngs(at)));
    if (this.view) this.map.setView(this.view.centre, this.view.zoom);
    else this.map.fitBounds(this.bounds, { padding: [8, 8] });
    this.map.on('moveend', () => this.on.has('labels') && spreadLabels(this.layerOf('labels')));
    this.map.on('moveend', () => { this.view = { centre: this.map.getCenter(), zoom: this.map.getZoom() }; });
    this.canvas = L.canvas({ padding: 0.3 });
    this.made = new Map();
    this.riding = L.layerGroup();
    this.zones = ridingZones(side, this.canvas);
    this.moving = new Moving();
    LAYERS.forEach((name) => this.on.has(name) && this.showLayer(name, true));
    this.moving.addTo(this.map);
    this.moving.setDay(this.day);
    this.map.on('click', (event) => this.choose(this.moving.hit(event.containerPoint)));
    this.time ??= Math.min(Math.max(this.day.busiest(), this.day.begin), this.day.end);
    this.slider.min = this.day.begin;
    this.slider.max = this.day.end;
    this.marks();
    this.fillPicker();
    this.goTo(this.time);
    this.drawLegend();
  }

  // Names are in the language of the page: those that were looked up before are looked up again.
  forgetNames() {
    for (const day of this.days.values()) day.names = undefined;
  }

  leave() {
    this.pause();
    this.map?.remove();
    this.map = null;
  }

  layerOf(name) {
    const key = name === 'flows' ? `flows-${this.flow()}` : name;
    if (!this.made.has(key)) this.made.set(key, this.makeLayer(name));
    return this.made.get(key);
  }

  makeLayer(name) {
    const side = this.content.sides[this.side];
    const { area, geometry, canvas } = this;
    if (['real', 'inferred', 'planned'].includes(name)) {
      const layers = this.made.get('streets') ?? streetLayers(area, geometry, canvas);
      this.made.set('streets', layers);
      return layers[name];
    }
    if (name === 'stops' || name === 'hubs') return placeLayers(side, geometry)[name];
    if (name === 'labels') return labelLayer(side, area, geometry);
    if (name === 'rail') return railLayer(area, canvas);
    if (name === 'zones') return zoneLayer(area, canvas);
    if (name === 'riding') return this.riding;
    if (name === 'walk') return walkLayer(side, geometry, canvas);
    if (name === 'platform') return platformLayer(side, canvas);
    if (name === 'spots') return spotLayer(side, canvas);
    return flowLayer(side, area, geometry, this.flow(), canvas);
  }

  flow() {
    const modes = flowModes(this.content.sides[this.side]);
    if (!modes.includes(this.flowMode)) this.flowMode = modes.includes('walk') ? 'walk' : modes[0];
    return this.flowMode;
  }

  showLayer(name, shown) {
    if (shown) this.on.add(name);
    else this.on.delete(name);
    if (!this.map) return;
    if (MOVING.includes(name)) {
      this.moving.show[name] = shown;
      this.moving.draw();
      return;
    }
    const layer = this.layerOf(name);
    if (name === 'flows') for (const [key, other] of this.made) if (key.startsWith('flows-') && other !== layer) this.map.removeLayer(other);
    if (!shown) {
      this.map.removeLayer(layer);
      return;
    }
    // What is added last is painted last: those above it are lifted again, so that a switch never changes the order.
    const above = LAYERS.slice(LAYERS.indexOf(name) + 1).filter((one) => this.on.has(one) && !MOVING.includes(one)).map((one) => this.layerOf(one));
    for (const one of [layer, ...above.filter((other) => this.map.hasLayer(other))]) this.map.removeLayer(one).addLayer(one);
    if (this.on.has('labels')) spreadLabels(this.layerOf('labels'));
  }

  switches() {
    const side = this.content.sides[this.side];
    const box = (name, words) => h('label', { class: `switch ${name}` }, h('input', { type: 'checkbox', id: `layer-${name}`, checked: this.on.has(name), onchange: (event) => { this.showLayer(name, event.target.checked); this.drawLegend(); } }), ' ', words);
    return h('fieldset', { class: 'layers' }, h('legend', {}, t('map.layers')),
      this.content.sides.length > 1 ? choice(t('choose.scenario'), this.content.sides.map((one, at) => [at, one.label]), this.side, (at) => this.switchSide(Number(at)), 'map-side') : null,
      h('div', { class: 'boxes' }, box('real', `${t('map.streets')}: ${t('map.real')}`), box('inferred', `${t('map.streets')}: ${t('map.inferred')}`), box('planned', `${t('map.streets')}: ${t('map.planned')}`),
        box('rail', t('map.rail')), box('stops', t('map.stops')), box('hubs', t('map.hubs')), box('labels', t('map.labels')), box('zones', t('map.zones')), side.map.riding.length ? box('riding', t('map.riding')) : null,
        box('walk', t('map.walk')), box('platform', t('map.platform')), box('spots', t('map.spots')), box('people', t('map.people')), box('vehicles', t('map.vehicles')), box('flows', t('map.flows'))),
      choice(t('map.flowmode'), flowModes(side).map((name) => [name, mode(name)]), this.flow(), (name) => {
        this.flowMode = name;
        document.getElementById('layer-flows').checked = true;
        this.showLayer('flows', true);
        this.drawLegend();
      }, 'flow-mode'),
      h('button', { type: 'button', id: 'map-whole', onclick: () => this.map.fitBounds(this.bounds, { padding: [8, 8] }) }, t('map.whole')));
  }

  switchSide(side) {
    this.side = side;
    this.redraw();
  }

  playbar() {
    this.button = h('button', { type: 'button', id: 'play', class: 'play', onclick: () => (this.playing ? this.pause() : this.play()) }, t('play.play'));
    this.slider = h('input', { type: 'range', id: 'play-time', min: 0, max: 100800, step: 10, 'aria-label': t('play.time'), oninput: () => this.goTo(Number(this.slider.value)) });
    this.strip = h('div', { class: 'marks', 'aria-hidden': 'true' });
    this.news = h('ul', { class: 'news', hidden: true });
    return h('div', { class: 'playbar' }, this.button, this.clockface, h('div', { class: 'slider' }, this.slider, this.strip),
      choice(t('play.speed'), SPEEDS.map((speed) => [speed, t('play.times', { n: speed })]), this.speed, (speed) => { this.speed = Number(speed); }, 'play-speed'),
      h('button', { type: 'button', id: 'play-busiest', onclick: () => this.goTo(this.day.busiest()) }, t('play.busiest')), this.counts, this.news);
  }

  panel() {
    this.picker = h('select', { id: 'story-pick', onchange: () => this.picker.value !== '' && this.choose(Number(this.picker.value), true) });
    return h('div', { class: 'storypanel' }, h('h3', {}, t('story.title')), h('div', { class: 'choice' }, h('label', { for: 'story-pick' }, t('play.pick')), this.picker), this.storyBox);
  }

  // Every shuttle, some scooters, those who were refused and a few others: the way in without a mouse.
  fillPicker() {
    const things = this.moving.order;
    const option = (index) => h('option', { value: String(index) }, this.titleOf(things[index]));
    const first = this.day.people.length;
    const indices = things.map((_, at) => at);
    const people = indices.slice(0, first).filter((at) => things[at].count);
    const refused = people.filter((at) => things[at].person[5].length);
    const kinds = {};
    indices.slice(first).forEach((at) => (kinds[things[at].kind] ??= []).push(at));
    const groups = [...Object.entries(kinds).sort((one, two) => one[1].length - two[1].length).map(([kind, rows]) => [named(`kind.${kind}`, kind), rows.sort((one, two) => things[two].count - things[one].count).slice(0, FEATURED).sort((one, two) => one - two)]),
      [t('kind.person'), [...refused.slice(0, FEATURED), ...people.filter((at) => !things[at].person[5].length).slice(0, FEATURED)]]];
    this.picker.replaceChildren(h('option', { value: '' }, t('play.pickone')), ...groups.filter(([, rows]) => rows.length).map(([label, rows]) => h('optgroup', { label }, rows.map(option))));
    this.picker.value = '';
  }

  titleOf(thing) {
    if (thing.kind !== 'person') return `${named(`kind.${thing.kind}`, service(thing.service, this.day.side.services))} ${thing.vehicle.id}${thing.count ? ` · ${clock(thing.from[0])}` : ''}`;
    const refused = thing.person[5].length ? ' ✕' : '';
    return `${t('kind.person')} ${thing.person[0]} · ${clock(thing.person[4][0]?.[0] ?? 0)} ${nameOf(this.day, thing.person[4][0]?.[5] ?? 0)}${refused}`;
  }

  choose(index, go = false) {
    if (index === null) return;
    const thing = this.moving.order[index];
    this.moving.chosen = index;
    this.storyBox.replaceChildren(story(thing, this.day, this.area, (time) => this.goTo(time + 1)));
    if (go && thing.count) this.goTo(Math.max(thing.from[0] + 30, this.day.begin));
    else this.moving.draw();
    const seen = this.moving.seen[index];
    if (go && seen) {
      const at = this.map.containerPointToLatLng([this.moving.x[index], this.moving.y[index]]);
      if (this.bounds.contains(at)) this.map.panTo(at, { animate: false });
    }
  }

  goTo(time) {
    this.time = Math.min(Math.max(time, this.day.begin), this.day.end);
    this.moving.time = this.time;
    this.moving.draw();
    this.showTime();
  }

  showTime() {
    this.showZones();
    const words = clock(this.time);
    if (this.clockface.textContent !== words) {
      this.clockface.textContent = words;
      this.slider.value = this.time;
      this.slider.setAttribute('aria-valuetext', words);
      this.showNews();
      this.counts.textContent = t('play.count', { people: number(this.moving.counts.people), vehicles: number(this.moving.counts.vehicles) });
    }
  }

  // Zones that hold at the time of the map; the others are taken off it.
  showZones() {
    for (const { shape, spans } of this.zones) {
      const holds = spans.some(([from, until]) => from <= this.time && this.time < until);
      if (holds !== this.riding.hasLayer(shape)) holds ? this.riding.addLayer(shape) : this.riding.removeLayer(shape);
    }
  }

  // What is in force at the time of the map, said beside the clock.
  showNews() {
    const now = this.content.sides[this.side].happened.facts.filter(([from, until]) => from <= this.time && this.time < (until ?? Infinity));
    this.news.replaceChildren(...now.map(([, , topic, text]) => h('li', {}, `${topicName(topic)}: `, dataText(text))));
    this.news.hidden = !now.length;
  }

  // Marks on the time of day: when closures and failures held.
  marks() {
    const { begin, end } = this.day;
    const part = (seconds) => `${(100 * (Math.min(Math.max(seconds, begin), end) - begin)) / (end - begin)}%`;
    const facts = this.content.sides[this.side].happened.facts;
    this.strip.replaceChildren(...facts.map(([from, until, topic, text]) => h('span', { class: `mark ${topic}`, title: `${clock(from)} ${fromData(text)}`, style: { left: part(from), width: `calc(${part(until ?? from)} - ${part(from)})` } })));
    this.strip.hidden = !facts.length;
  }

  // From elsewhere on the page: show a moment of a scenario.
  jump(side, time) {
    this.time = time;
    if (side !== this.side) this.switchSide(side);
    else if (this.map) this.goTo(time);
    document.getElementById('map').scrollIntoView();
  }

  play() {
    if (this.time >= this.day.end) this.time = this.day.begin;
    this.playing = true;
    this.button.textContent = t('play.pause');
    this.button.setAttribute('aria-pressed', 'true');
    let last = null;
    const frame = (now) => {
      if (!this.playing) return;
      if (last !== null) this.time += (Math.min(now - last, 100) / 1000) * this.speed;
      last = now;
      if (this.time >= this.day.end) this.pause();
      this.goTo(this.time);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    this.playing = false;
    if (!this.button) return;
    this.button.textContent = t('play.play');
    this.button.setAttribute('aria-pressed', 'false');
  }

  // A printed page is narrower than most screens, and printing waits for no frame: the map is drawn anew at once and
  // its picture is what is printed.
  fitForPrint(printing) {
    if (!this.map) return;
    this.copy?.remove();
    this.copy = null;
    this.place.classList.toggle('printed', printing);
    this.map.invalidateSize({ animate: false });
    this.map.fitBounds(this.bounds, { padding: [4, 4], animate: false });
    this.canvas._redraw?.();
    this.moving.place();
    if (printing) {
      this.copy = this.picture();
      this.place.after(this.copy);
    }
  }

  picture() {
    const frame = this.place.getBoundingClientRect();
    const copy = h('canvas', { class: 'printcopy', role: 'img', 'aria-label': this.place.getAttribute('aria-label') });
    copy.width = 2 * frame.width;
    copy.height = 2 * frame.height;
    const pen = copy.getContext('2d');
    pen.scale(2, 2);
    pen.fillStyle = '#f7f6f2';
    pen.fillRect(0, 0, frame.width, frame.height);
    const paste = (layer) => {
      const at = layer.getBoundingClientRect();
      pen.drawImage(layer, at.left - frame.left, at.top - frame.top, at.width, at.height);
    };
    if (this.canvas._container) paste(this.canvas._container);
    for (const [row, , kind, called] of this.content.sides[this.side].map.stops) {
      const [lon, lat] = this.geometry.lonlat[row];
      const { x, y } = this.map.latLngToContainerPoint([lat, lon]);
      if (this.on.has('stops') && (called || kind === 'stop')) dot(pen, x, y, 3.5, '#ffffff', '#0a3d66');
      if (this.on.has('hubs') && kind === 'hub') dot(pen, x + 6, y - 6, 4, '#8a5a00', '#ffffff');
    }
    paste(this.moving.canvas);
    pen.fillStyle = '#1c2b39';
    pen.font = '9px system-ui, sans-serif';
    pen.textAlign = 'right';
    pen.fillText(fromData(this.area.about.attribution ?? ''), frame.width - 4, frame.height - 4);
    return copy;
  }

  // One list for each layer that is shown, under its name.
  drawLegend() {
    const side = this.content.sides[this.side];
    const item = (swatch, words) => h('li', {}, swatch, ' ', words);
    const shape = (name, colour) => h('span', { class: `shape ${name}`, style: { background: colour } });
    const kinds = [...new Set(side.map.vehicles.map((vehicle) => vehicle.kind))];
    const free = new Set(side.map.vehicles.filter((vehicle) => vehicle.shown === 'free').map((vehicle) => vehicle.kind));
    const charged = side.map.vehicles.some((vehicle) => vehicle.shown === 'free' && vehicle.calls[0][5] >= 0);
    const bands = () => BANDS.map((one, at) => item(shape('square', one.colour), `${bandName(at)} ${t('map.bands')}`));
    const street = (name) => [item(stroke(STREET[name]), t(`map.${name}`))];
    const limit = (rule) => t(`zone.${rule}`, { speed: number(side.map.riding.find((zone) => zone.rule === rule).speed_km_h ?? 0) });
    const entries = {
      real: () => street('real'), inferred: () => street('inferred'), planned: () => street('planned'),
      rail: () => [item(h('span', { class: 'stroke railstroke' }), t('map.rail'))],
      zones: () => [item(stroke({ color: '#7b3fb0', dashArray: '6 4', weight: 2 }), t('map.zones'))],
      riding: () => [...new Set(side.map.riding.map((zone) => zone.rule))].map((rule) => item(stroke({ weight: 3, ...ZONE[rule] }), limit(rule))),
      walk: bands, platform: bands,
      flows: () => [item(stroke({ color: modeColour(this.flow(), side.modes), weight: 7 }), t('map.flowwidth', { mode: mode(this.flow()) }))],
      spots: () => spotServices(side).map((name) => item(stroke({ color: name ? '#1c2b39' : '#b3001b', dashArray: spotDash(name, side), weight: 3 }), name ? t('map.refused', { service: service(name, side.services) }) : t('map.unserved'))),
      stops: () => [item(h('span', { class: 'stop swatch' }), t('map.stops'))],
      hubs: () => [item(h('span', { class: 'hub swatch' }, 'P'), t('map.hubs'))],
      labels: () => [item(h('span', { class: 'placename swatch' }, 'Abc'), t('map.labels'))],
      people: () => ['walk', 'bicycle', 'car'].filter((name) => side.modes.includes(name)).map((name) => item(shape(name, modeColour(name)), mode(name))),
      vehicles: () => [...kinds.map((kind) => item(h('span', { class: `shape vehicle ${kind}${free.has(kind) ? ' free' : ''}` }), named(`kind.${kind}`, kind))),
        ...(charged ? [['full', '> 50'], ['half', '20–50'], ['empty', '< 20']].map(([name, n]) => item(h('span', { class: `shape vehicle free ${name}` }), t('story.charge', { n }))) : [])],
    };
    const lists = LAYERS.filter((name) => this.on.has(name)).map((name) => [name, entries[name]()]).filter(([, items]) => items.length);
    const { rows, everyone } = side.map.people;
    this.legend.replaceChildren(h('h3', {}, t('map.legend')), ...lists.map(([name, items]) => h('ul', { 'data-layer': name }, items)), h('p', { class: 'small' }, t('play.sample', { n: number(rows.length), all: number(everyone) })));
  }
}

// A line as it is drawn: its dashes, too, so that no two lines of the legend differ by colour alone.
function stroke({ color, dashArray, weight }) {
  const dashes = (dashArray ?? '').split(' ').filter(Boolean).map(Number);
  let at = 0;
  const stops = dashes.map((length, place) => {
    const from = at;
    at += length;
    return `${place % 2 ? 'transparent' : color} ${from}px ${at}px`;
  });
  return h('span', { class: 'stroke', 'data-dash': dashes.join(' '), style: { height: `${Math.max(2, weight)}px`, background: dashes.length ? `repeating-linear-gradient(90deg, ${stops.join(', ')})` : color } });
}

function dot(pen, x, y, size, fill, edge) {
  pen.beginPath();
  pen.arc(x, y, size, 0, 6.2832);
  pen.fillStyle = fill;
  pen.fill();
  pen.lineWidth = 1.6;
  pen.strokeStyle = edge;
  pen.stroke();
}
