// The lists below the map: the same places, zones and closures, by name and from the keyboard.
import { h } from '../src/page.js';
import { added, around, plain, swapped, without } from './shapes.js';
import { serviceName } from './change.js';
import { t } from './speech.js';

const RULES = ['no_park', 'mandatory_parking', 'no_ride', 'slow'];
const STOPS = ['rail_closed', 'street_closed', 'operator_offline', 'fleet_halved', 'heavy_snow'];
const RADIUS_M = 150;

const value = (id) => document.getElementById(id).value;

export function placing(state, act) {
  const parts = Object.entries(state.view.shapes).map(([key, shape]) => part(key, shape, state, act));
  return h('section', { id: 'placing', 'aria-labelledby': 'placing-title' }, h('h2', { id: 'placing-title' }, t('places')), parts);
}

function part(key, { kind, service, entries }, state, act) {
  const form = state.view.forms.find((one) => one.service === service);
  const title = service ? t('of', { part: t(kind), what: form ? serviceName(form) : service }) : t(kind);
  const set = (list) => act.edit({ set: { [key]: list } }, title);
  const id = `list-${key}`;
  const box = h('details', { id, class: 'service' }, h('summary', {}, `${title} (${entries.length})`),
    h('ol', {}, entries.map((entry, at) => item(entry, at, kind, entries, set, state, key))),
    state.planner ? adding(key, kind, service, entries, set, state, act) : null);
  box.addEventListener('toggle', () => { state.open[id] = box.open; });
  box.open = state.open[id] ?? (state.kind === 'stops' && kind === 'disturbances');
  return box;
}

function nameOf(entry, kind) {
  if (typeof entry === 'string') return t('zone.file', { name: entry });
  if (kind === 'zones') return `${t(`rule.${entry.rule}`)}${entry.name ? `: ${entry.name}` : ''}`;
  if (kind === 'disturbances') return `${entry.title || t(`stop.${entry.kind}`)}, ${hour(entry.start_s)}–${hour(entry.end_s)}`;
  return entry.name || `${entry.lat}, ${entry.lon}`;
}
const hour = (seconds) => `${String(Math.floor(seconds / 3600)).padStart(2, '0')}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}`;

function item(entry, at, kind, entries, set, state, key) {
  const what = nameOf(entry, kind);
  if (!state.planner) return h('li', {}, h('span', {}, what));
  const least = kind === 'stops' ? 2 : kind === 'zones' || kind === 'disturbances' ? 0 : 1;
  const move = kind === 'stops'
    ? [h('button', { class: 'quiet', disabled: !at, 'aria-label': t('up.of', { what }), onclick: () => set(swapped(entries, at, at - 1)) }, '↑'),
      h('button', { class: 'quiet', disabled: at === entries.length - 1, 'aria-label': t('down.of', { what }), onclick: () => set(swapped(entries, at, at + 1)) }, '↓')]
    : [];
  return h('li', {}, h('span', {}, what), h('span', { class: 'buttons' }, move,
    h('button', { class: 'quiet', id: `remove-${key}-${at}`, disabled: entries.length <= least, 'aria-label': t('remove.of', { what }), onclick: () => set(without(entries, at)) }, t('remove'))));
}

function chooser(id, state) {
  return h('div', { class: 'field' }, h('label', { for: id }, t('place')),
    h('select', { id }, state.area.places.map((place, at) => h('option', { value: at }, place.name))));
}
const chosen = (id, state) => state.area.places[Number(value(id))];

function adding(key, kind, service, entries, set, state, act) {
  const place = `place-${key}`;
  if (kind === 'zones') return zone(key, entries, set, state, act, place);
  if (kind === 'disturbances') return disturbance(key, entries, set, state, act, place);
  const entry = ({ name, lon, lat }) => ({ name, lon, lat, ...(kind === 'hubs' ? { capacity: 15 } : {}) });
  return h('div', { class: 'adding' }, chooser(place, state),
    h('button', { id: `add-${key}`, onclick: () => set(added(entries, entry(chosen(place, state)))) }, t('place.add')),
    h('button', { onclick: () => act.draw(true, ({ lat, lng }) => set(added(entries, entry({ name: `${t('place')} ${entries.length + 1}`, lon: Math.round(lng * 1e5) / 1e5, lat: Math.round(lat * 1e5) / 1e5 })))) }, t('place.draw')));
}

function zone(key, entries, set, state, act, place) {
  const about = (name) => ({ rule: value(`rule-${key}`), name, ...(value(`rule-${key}`) === 'slow' ? { speed_km_h: 10 } : {}) });
  const radius = `radius-${key}`;
  return h('div', { class: 'adding' },
    h('div', { class: 'field' }, h('label', { for: `rule-${key}` }, t('rule')), h('select', { id: `rule-${key}` }, RULES.map((rule) => h('option', { value: rule }, t(`rule.${rule}`))))),
    chooser(place, state),
    h('div', { class: 'field' }, h('label', { for: radius }, t('radius'), h('span', { class: 'unit' }, ' m')), h('input', { id: radius, type: 'number', min: '20', max: '2000', value: String(RADIUS_M) })),
    h('button', { id: `add-${key}`, onclick: () => { const middle = chosen(place, state); set(added(entries, { ...about(middle.name), polygon: around(middle, Number(value(radius)) || RADIUS_M) })); } }, t('zone.add')),
    h('button', { id: `draw-${key}`, onclick: () => act.draw(false, (polygon) => set(added(entries, { ...about(''), polygon }))) }, t('zone.draw')));
}

function disturbance(key, entries, set, state, act, place) {
  const services = state.view.forms.filter((form) => form.service);
  const kinds = STOPS.filter((kind) => usable(kind, services).length || kind === 'street_closed' || kind === 'heavy_snow');
  const servicesBox = h('select', { id: 'stop-service' });
  const where = h('div', {}, chooser(place, state), h('button', { id: 'draw-closure', onclick: () => act.draw(false, (polygon) => set(added(entries, { ...times(), kind: 'street_closed', polygon }))) }, t('map.draw')));
  const serviceField = h('div', { class: 'field' }, h('label', { for: 'stop-service' }, t('stop.service')), servicesBox);
  const kindBox = h('select', { id: 'stop-kind' }, kinds.map((kind) => h('option', { value: kind }, t(`stop.${kind}`))));
  const fit = () => {
    where.hidden = kindBox.value !== 'street_closed';
    serviceField.hidden = ['street_closed', 'heavy_snow'].includes(kindBox.value);
    servicesBox.replaceChildren(...usable(kindBox.value, services).map((form) => h('option', { value: form.service }, serviceName(form))));
  };
  const times = () => ({ start_s: value('stop-from'), end_s: value('stop-until') });
  kindBox.addEventListener('change', fit);
  fit();
  const add = () => {
    const kind = kindBox.value;
    const more = kind === 'street_closed' ? { polygon: around(chosen(place, state), RADIUS_M) } : kind === 'heavy_snow' ? {} : { service: servicesBox.value };
    set(added(entries, plain({ kind, ...times(), ...more })));
  };
  return h('div', { class: 'adding' },
    h('div', { class: 'field' }, h('label', { for: 'stop-kind' }, t('stop.kind')), kindBox), serviceField, where,
    h('div', { class: 'pairs' }, ['from', 'until'].map((end) => h('div', { class: 'field' }, h('label', { for: `stop-${end}` }, t(`stop.${end}`)), h('input', { id: `stop-${end}`, type: 'text', value: end === 'from' ? '07:30' : '09:30', autocomplete: 'off' })))),
    h('button', { id: 'stop-add', onclick: add }, t('stop.add')));
}

function usable(kind, services) {
  const kinds = { rail_closed: ['transit', 'shuttle'], operator_offline: ['scooter', 'on_demand', 'shuttle'], fleet_halved: ['scooter', 'on_demand', 'shuttle'] }[kind] ?? [];
  return services.filter((form) => kinds.includes(form.kind));
}
