// What happened in a run, by place and hour: denied requests and why, waits, who was there.
import { choice, h, more, table } from '../src/page.js';
import { clock, fromData, named, service } from '../src/words.js';
import { nonzero, number, t } from './speech.js';
import { remedies, story } from './telling.js';

const DENIED = 'refused';
const SHOWN = 12;
const SMALLEST_PX = 11;
const WIDEST_PX = 12;
const HOUR_S = 3600;

// A place as `kera explain` names it: a stop or hub, what is around one, or a crossing that is called after nothing.
const NAMELESS = /^node (\d+)$/;
const AROUND = /^around (.+)$/;
export function placeName(name) {
  if (name === 'beyond the map' || name === 'everywhere') return t(`name.${name.split(' ')[0]}`);
  const [, node] = NAMELESS.exec(name) ?? [];
  const [, near] = AROUND.exec(name) ?? [];
  return node ? t('name.node', { n: node }) : near ? t('name.around', { name: fromData(near, true) }) : fromData(name, true);
}
export const serviceOf = (name, look) => (name ? fromData(service(name, look.happened.services), true) : '–');
const sum = (rows, at) => rows.reduce((total, row) => total + row[at], 0);
const hourName = (hour) => `${clock(hour * HOUR_S)}–${clock((hour + 1) * HOUR_S)}`;
const chosen = (rows, look) => {
  const place = look.happened.places.findIndex(({ name }) => name === look.place);
  return rows.filter((row) => (!look.place || row[0] === place) && (look.hour === '' || row[1] === Number(look.hour)));
};

const perDay = (count, look) => nonzero(count / look.happened.days.length, look.happened.days.length > 1 ? 1 : 0);
const deniedAt = (place, look) => sum(look.happened.cases.filter((row) => row[0] === place && row[2] === DENIED && (look.hour === '' || row[1] === Number(look.hour))), 6);

// Says how many of the places lie beyond the streets of the map, where no circle is drawn.
export function beyond(places, { onMap }, more) {
  const n = places.filter(({ spot }) => !spot || !onMap(spot)).length;
  return n ? h('p', { class: 'small', id: 'beyond' }, t('beyond', { n }), more ? ` ${more}` : null) : null;
}

// The circles of the map: denied requests a day at each place, in the hour that is chosen.
export function circles(look) {
  const { places } = look.happened;
  const counts = places.map((_, at) => deniedAt(at, look));
  const most = Math.max(...counts, 1);
  return places.map(({ name, spot }, at) => spot && { name, title: placeName(name), lon: spot[0], lat: spot[1], chosen: name === look.place, text: counts[at] ? perDay(counts[at], look) : '',
    radius: counts[at] ? SMALLEST_PX + WIDEST_PX * Math.sqrt(counts[at] / most) : 5, kind: counts[at] ? 'denied' : 'calm' }).filter((circle) => circle && (circle.text || !NAMELESS.test(circle.name)));
}

export function happened(state, act) {
  const { look } = state;
  const { days, places, departures, cases } = look.happened;
  const hours = [...new Set([...departures, ...cases].map((row) => row[1]))].sort((a, b) => a - b);
  const troubled = new Set(cases.map(([place]) => place));
  const listed = places.filter(({ name }, at) => troubled.has(at) || !NAMELESS.test(name));
  const away = sum(places.map((place, at) => [!place.spot || !state.onMap(place.spot) ? deniedAt(at, look) : 0]), 0);
  const named = listed.map(({ name }) => [name, placeName(name)]).sort((a, b) => a[1].localeCompare(b[1]));
  const trips = sum(chosen(departures, look), 2) / days.length;
  return h('section', { id: 'happened', 'aria-labelledby': 'happened-title' }, h('h2', { id: 'happened-title' }, t('happened')),
    h('p', { class: 'legend' }, h('span', { class: 'swatch denied' }), ` ${t('happened.legend')}`),
    h('p', { class: 'small' }, days.length > 1 ? t('happened.days', { n: days.length }) : t('happened.day')),
    beyond(listed, state, t('beyond.denied', { n: perDay(away, look) })),
    h('div', { class: 'choices' },
      choice(t('place'), [['', t('at.anywhere')], ...named], look.place, (place) => act.at({ place }), 'at-place'),
      choice(t('at.hour'), [['', t('at.allday')], ...hours.map((hour) => [String(hour), hourName(hour)])], look.hour, (hour) => act.at({ hour }), 'at-hour'),
      days.length > 1 ? choice(t('at.day'), days.map((about, at) => [String(at), dayName(about)]), look.day, (day) => act.at({ day: Number(day) }), 'at-day') : null),
    h('div', { 'aria-live': 'polite', id: 'told' },
      h('p', {}, t('at.trips', { n: number(trips, trips < 10 ? 1 : 0) })), wrong(look), waits(look)),
    people(look, act), look.story ? h('div', { id: 'story' }, story(look), remedies(state, act)) : null);
}
const dayName = (about) => { const [, seed] = /seed (\d+)/.exec(about) ?? []; return /^seed \d+$/.test(about) ? t('at.seed', { n: seed }) : about; };

function wrong(look) {
  const rows = new Map();
  for (const [, , kind, of, reason, population, count] of chosen(look.happened.cases, look)) {
    const key = JSON.stringify([kind, of, reason]);
    const row = rows.get(key) ?? { kind, of, reason, count: 0, by: new Map() };
    row.count += count;
    if (population) row.by.set(population, (row.by.get(population) ?? 0) + count);
    rows.set(key, row);
  }
  if (!rows.size) return h('p', { id: 'nothing' }, t('happened.none'));
  const a = (count) => perDay(count, look);
  const ordered = [...rows.values()].sort((one, other) => other.count - one.count);
  const cells = ({ kind, of, reason, count, by }) => [t(`case.${kind}`), serviceOf(of, look), reason ? reasonOf(reason, look) : '–', a(count),
    [...by].sort((one, other) => other[1] - one[1]).map(([name, n]) => `${populationOf(name)} ${a(n)}`).join(', ') || '–'];
  const columns = [{ title: t('col.case') }, { title: t('col.service') }, { title: t('col.reason') }, { title: t('col.perday'), number: true }, { title: t('col.who') }];
  return [table(t('happened'), columns, ordered.slice(0, SHOWN).map(cells)),
    ordered.length > SHOWN ? more(t('at.more', { n: ordered.length - SHOWN }), table(t('at.more', { n: ordered.length - SHOWN }), columns, ordered.slice(SHOWN).map(cells))) : null];
}
export const populationOf = (name) => named(`population.${name}`, name);
export function reasonOf(name, look, text = 'label') {
  const texts = look.happened.reasons[name]?.[text];
  return texts?.[document.documentElement.lang] ?? texts?.en ?? name.replaceAll('_', ' ');
}

function waits(look) {
  const by = new Map();
  for (const [, , of, count, wait] of chosen(look.happened.boardings, look)) {
    const [before, waited] = by.get(of) ?? [0, 0];
    by.set(of, [before + count, waited + wait]);
  }
  return by.size ? table(t('at.waits'), [{ title: t('at.waits') }, { title: t('col.boardings'), number: true }, { title: t('col.wait'), number: true }],
    [...by].sort((a, b) => b[1][0] - a[1][0]).map(([of, [count, wait]]) => [serviceOf(of, look), perDay(count, look), `${number(wait / count / 60, 1)} min`])) : null;
}

function people(look, act) {
  if (!look.people) return null;
  const { trips, count } = look.people;
  const item = (one) => h('li', {}, h('button', { class: 'person', id: `trip-${one.person}-${one.trip}`, onclick: () => act.story(one.person, one.trip) },
    h('strong', {}, clock(one.t_s)), ` ${populationOf(one.population)}, ${t('age', { n: one.age })}, ${named(`purpose.${one.purpose}`, one.purpose)}: ${placeName(one.origin)} → ${placeName(one.destination)}`,
    one.reason ? h('span', { class: 'block' }, one.service ? `${t('case.refused')}: ${serviceOf(one.service, look)}, ${reasonOf(one.reason, look)}` : `${t('case.unserved')}: ${reasonOf(one.reason, look)}`) : one.wait_s >= 30 ? h('span', { class: 'block' }, `${serviceOf(one.service, look)}: ${t('at.waited', { n: number(one.wait_s / 60, 0) })}`) : null));
  return h('div', { id: 'people' }, h('h3', {}, t('people')), h('p', { class: 'small' }, t('people.lead', { shown: trips.length, n: count })),
    h('ol', { class: 'people' }, trips.slice(0, SHOWN).map(item)), trips.length > SHOWN ? more(t('at.more', { n: trips.length - SHOWN }), h('ol', { class: 'people' }, trips.slice(SHOWN).map(item))) : null);
}
