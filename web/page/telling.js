// One trip's story, and what would have served it.
import { h, more, table } from '../src/page.js';
import { clock, named, t as told } from '../src/words.js';
import { placeName, populationOf, reasonOf, serviceOf } from './happened.js';
import { euros, has, language, number, t, unit as unitOf, written } from './speech.js';

const OFFERED = 'offered';
const MOST_JOURNEYS = 8;
const min = (seconds) => (seconds === null ? '–' : number(seconds / 60, 0));
const chain = (text, look) => (text ? text.split('+').map((name) => serviceOf(name, look)).join(' + ') : '–');

export function story(look) {
  const { story: one } = look;
  const { trip, person, names } = one;
  const place = (node) => placeName(names[node] ?? String(node));
  const lines = [
    [trip.ready_s, 0, t('story.ready')],
    ...one.notices.map((row) => [Math.max(row.t_s, trip.ready_s), 1, h('span', {}, `${t('story.notice')}: `, h('span', { lang: 'en' }, row.text))]),
    ...one.choices.map((rows) => [rows[0].t_s, 2, journeys(rows, look, place)]),
    ...one.refusals.map((row) => [row.t_s, 1.5, h('strong', {}, row.service ? told('story.refused', { service: serviceOf(row.service, look), reason: reasonOf(row.reason, look, 'sentence') }) : told('story.allrefused', { reason: reasonOf(row.reason, look, 'sentence') }))]),
    ...one.legs.map((row) => [row.t_s, 4, leg(row, look, place)]),
    ...one.connections.filter((row) => row.end !== 'made').map((row) => [row.t_s, 5, t('story.connection', { n: min(row.lost_s) })]),
  ].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const took = trip.outcome === 'unserved' ? trip.end_s - trip.ready_s : trip.end_s - trip.t_s;
  const end = told(`story.${trip.outcome}`, { n: number(Math.max(took / 60, 0), 0) });
  return h('section', { class: 'inner', 'aria-labelledby': 'story-title' },
    h('h3', { id: 'story-title', tabindex: '-1' }, t('story', { trip: `${trip.person}:${trip.trip}` })),
    h('p', {}, `${populationOf(person.population ?? '')}, ${t('age', { n: person.age })}, ${named(`purpose.${trip.purpose}`, trip.purpose)}: ${place(trip.origin)} → ${place(trip.destination)}`),
    h('ol', { class: 'moments' }, lines.map(([seconds, , content]) => h('li', {}, h('strong', {}, clock(seconds)), ' ', content)), h('li', {}, h('strong', {}, clock(trip.end_s)), ' ', end)),
    more(t('story.original'), h('pre', { lang: 'en', tabindex: '0' }, one.text)));
}

function journeys(rows, look, place) {
  const shown = rows.filter((row, rank) => rank < MOST_JOURNEYS || row.taken || row.answer);
  const cells = (row) => [h('span', {}, row.taken ? h('strong', {}, '→ ') : '', chain(row.chain, look)), min(row.walk_s), min(row.wait_s), min(row.ride_s), row.fare_eur === null ? '–' : number(row.fare_eur, 2), worthOf(row), verdict(row, look)];
  const title = t('story.considered', { n: rows.length, place: place(rows[0].place) });
  return h('div', {}, title, table(title, [{ title: t('col.journey') }, ...['walk', 'wait', 'ride'].map((name) => ({ title: t(`col.${name}_min`), number: true })), { title: t('col.fare'), number: true }, { title: t('col.worth'), number: true }, { title: t('col.answer') }], shown.map(cells)));
}
// Against the journey that was taken, as `kera explain` has it.
const worthOf = ({ taken, worth_eur: eur }) => (taken || eur === null ? '–' : `${eur < 0 ? '−' : '+'}${number(Math.abs(eur), 2)}`);
function verdict(row, look) {
  const answer = row.answer === OFFERED ? t('story.offered') : row.answer ? reasonOf(row.answer, look) : '';
  return [row.taken ? t('story.taken') : '', answer].filter(Boolean).join(', ') || '–';
}

function leg(row, look, place) {
  const parts = [['story.walk', row.walk_s], ['story.wait', row.wait_s], ['story.ride', row.ride_s]].filter(([, seconds]) => seconds >= 30).map(([key, seconds]) => told(key, { n: min(seconds) }));
  const km = told('story.km', { n: number((row.walk_m + row.ride_m) / 1000, 1) });
  return `${serviceOf(row.service, look)}, ${place(row.origin)} → ${place(row.destination)}: ${[...parts, km].join(', ')}${row.fare_eur ? `, ${euros(row.fare_eur)}` : ''}`;
}

export function remedies(state, act) {
  const { story: one, remedy } = state.look;
  if (!one.failed) return null;
  const busy = ['waiting', 'running'].includes(remedy.state);
  return h('section', { class: 'inner', id: 'cure', 'aria-labelledby': 'cure-title' }, h('h3', { id: 'cure-title' }, t('cure')),
    remedy.state === 'done' ? null : h('p', { class: 'small' }, t('cure.lead')),
    busy ? h('p', { role: 'status', id: 'cure-state' }, t(`cure.${remedy.state}`), remedy.doing ? h('span', { class: 'small block', lang: 'en' }, remedy.doing) : null) : null,
    remedy.state === 'none' || remedy.state === 'failed' ? h('button', { id: 'cure-seek', class: 'strong', disabled: !state.planner, onclick: act.seek }, t('cure.seek')) : null,
    remedy.problem ? h('p', { class: 'wrong' }, t('cure.unconfirmed'), ' ', h('span', { lang: 'en' }, remedy.problem)) : null,
    remedy.state === 'done' ? list(state, act) : null);
}

function list(state, act) {
  const { remedies: all } = state.look.remedy;
  const tried = all.filter(({ served }) => served !== null);
  const untried = all.filter(({ served }) => served === null);
  return [tried.some(({ served }) => served) ? null : h('p', {}, t('cure.none')),
    h('ol', { class: 'cures' }, tried.map((remedy, at) => item(remedy, at, state, act))),
    untried.length ? more(t('cure.untried', { n: untried.length }), h('ul', {}, untried.map((remedy) => h('li', {}, name(remedy))))) : null];
}

function item(remedy, at, state, act) {
  const what = name(remedy);
  const { others } = remedy;
  return h('li', { 'data-served': String(remedy.served) }, h('span', {}, h('strong', {}, `${t(remedy.served ? 'cure.yes' : 'cure.no')}: `), what),
    remedy.cost_eur === null ? null : h('span', { class: 'small block' }, t('cure.cost', { eur: euros(remedy.cost_eur) })),
    others ? h('span', { class: 'small block' }, t('cure.others', { n: number(others.trips_changed, 0), a: others.refused[0], b: others.refused[1], c: others.unserved[0], d: others.unserved[1] })) : null,
    remedy.served ? h('button', { id: `apply-${at}`, class: 'strong', disabled: !state.planner, onclick: () => act.apply(remedy) }, t('cure.apply'), hasMoved(state) ? ` (${t('cure.stale')})` : '', h('span', { class: 'unseen' }, `: ${plain(remedy)}`)) : null);
}

// Whether the question asks something else by now than the run that was searched; a question that is not open is asked when it is opened.
export const hasMoved = ({ view, look }) => view?.name === look.happened.question && view.asks !== look.happened.asks;

// What a change sets, in the words of the page; where these lack, as `kera explain` says it.
const said = ({ key, label }) => (label[language()] !== key ? label[language()] : has(`set.${key.split('.').pop()}`) ? t(`set.${key.split('.').pop()}`) : has(`set.${key}`) ? t(`set.${key}`) : '');
const worth = (value, unit) => (value === null ? t('absent') : value.entries !== undefined ? t('entries', { n: value.entries }) : value === 'True' ? t('yes') : value === 'False' ? t('no') : `${has(`choice.${value}`) ? t(`choice.${value}`) : written(value)}${unit ? ` ${unitOf(unit)}` : ''}`);
function plain(remedy) {
  const parts = remedy.settings.map((row) => (row.before?.entries !== undefined ? said(row) : `${said(row)} ${worth(row.before, row.unit)} → ${worth(row.after, row.unit)}`));
  return remedy.settings.every(said) ? parts.join(', ') : '';
}
const name = (remedy) => plain(remedy) || h('span', { lang: 'en' }, remedy.words);
