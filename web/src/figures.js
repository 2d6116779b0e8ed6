// KPIs on the page: where each belongs, how it is written, and that it can be traced to its id and definition.
import { h, table } from './page.js';
import { change, figure, fromData, interval, isTranslated, kpiName, level, mode, named, population, service, t, unitOf } from './words.js';

const RULES = [
  ['climate', /co2|carbon|emission|_kg(\b|\.|$)|injur|accident/],
  ['money', /eur(\b|_|\.|$)|cost|subsid|surplus|benefit|ticket/],
  ['reliability', /^(unserved|replans|under_way|missed|punctual|late|promise)/],
  ['times', /^(door_to_door|wait_s|walk_s|detour|delay|schedule)/],
  ['travel', /^(sustainable|mode_share|person_km|access|trips|distance|switched|car_km)/],
];
export function partOf(id, services) {
  const first = id.split('@')[0].split('.')[0];
  const own = services[first] !== undefined && id.includes('.');
  for (const [part, rule] of RULES) {
    if (own && (part === 'reliability' || part === 'times' || part === 'travel')) continue;
    if (rule.test(id.split('@')[0])) return part;
  }
  return own ? 'services' : 'other';
}
// Services by what the ids of their figures begin with, and by their own names where that is another word.
export function allServices(content) {
  const all = {};
  for (const side of content.sides) {
    for (const [name, about] of Object.entries(side.services)) {
      all[about.figures ?? name] = about;
      if (about.figures) Object.defineProperty(all, name, { value: about, configurable: true });
    }
  }
  return all;
}

export function idsOf(content, part, population) {
  const services = allServices(content);
  return Object.keys(content.definitions).filter((id) => partOf(id, services) === part && (population === undefined || content.definitions[id].population === population));
}

// Of each figure the one for everyone, where there is one.
export function ofEveryone(content, ids) {
  const plain = [...new Set(ids.map((id) => id.split('@')[0]))];
  return plain.map((id) => (content.definitions[`${id}@everyone`] ? `${id}@everyone` : id)).filter((id) => content.definitions[id]);
}

// Services with vehicles of their own that are not timetabled lines: what a trial brings.
export function newServices(content) {
  const services = content.sides[content.sides.length - 1].services;
  return Object.keys(services).filter((name) => services[name].operated && services[name].kind !== 'transit');
}
export function realShare(area) {
  if (!area) return null;
  const whole = Object.values(area.length_m).reduce((sum, length) => sum + length, 0);
  const real = Object.entries(area.length_m).filter(([origin]) => !['inferred', 'planned', 'outside'].includes(origin)).reduce((sum, [, length]) => sum + length, 0);
  return whole ? real / whole : null;
}

// One figure of one scenario; its exact value and id stay with it, and a link leads to the definition.
export function value(content, side, id, plain = false) {
  const found = content.sides[side].kpis[id];
  const unit = content.definitions[id]?.unit ?? '';
  if (!found || found[0] === null) return h('span', { class: 'none' }, found ? t('missing') : '–');
  const [middle, low, high, runs] = found;
  const range = runs > 1 && low !== high && !plain ? h('span', { class: 'range' }, ` (${interval(low, high, unit, figure)})`) : null;
  return h('span', { class: 'figure' }, h('data', { value: String(middle), 'data-kpi': id, 'data-side': side }, figure(middle, unit)), range);
}

export function difference(content, pair, id) {
  const row = pair.rows[id];
  const unit = content.definitions[id]?.unit ?? '';
  if (!row) return [h('span', { class: 'none' }, '–'), ''];
  const [gain, low, high, , verdict] = row;
  const told = verdict && low !== null ? h('span', { class: verdict === 'cannot tell' ? 'range' : 'verdict' }, ` ${t(`verdict.${verdict}`)}`) : null;
  const ends = low === null ? '–' : h('span', {}, interval(low, high, unit), told);
  return [h('data', { value: String(gain), 'data-difference': id, 'data-pair': pair.b }, change(gain, unit)), ends];
}

// A text of the data: in the language of the page, or marked as the English that it is.
export function dataText(text, more = {}) {
  return h('span', { ...more, lang: isTranslated(text) ? null : 'en' }, fromData(text));
}
export const label = (content, id) => h('span', {}, kpiName(id, allServices(content)), ' ',
  h('a', { class: 'id', href: `#${anchor(id)}`, 'data-open': 'figures' }, id));
export const anchor = (id) => `kpi-${id.replaceAll(/[^\w.@-]/g, '_')}`;

export function kpiTable(content, caption, ids) {
  const sides = content.sides.map((_, at) => at).filter((at) => ids.some((id) => content.sides[at].kpis[id]));
  const pairs = content.differences.filter((pair) => sides.includes(pair.b) && pair.pairs > 0);
  const intervals = pairs.some((pair) => pair.pairs > 1);
  const columns = [{ title: t('col.figure') }, ...sides.map((at) => ({ title: content.sides[at].label, number: true }))];
  for (const pair of pairs) {
    columns.push({ title: t('col.difference', { b: content.sides[pair.b].label }), number: true });
    if (intervals) columns.push({ title: t('col.interval', { level: level(pair.confidence) }), number: true });
  }
  columns.push({ title: t('col.unit') });
  const rows = ids.map((id) => [
    label(content, id), ...sides.map((at) => value(content, at, id)),
    ...pairs.flatMap((pair) => (intervals ? difference(content, pair, id) : [difference(content, pair, id)[0]])),
    unitOf(content.definitions[id].unit),
  ]);
  return rows.length ? table(caption, columns, rows, { class: 'kpis', shown: true }) : null;
}
export const serviceTitle = (content, name) => service(name, allServices(content));

// Rows that only a comparison can know: money by party, carbon, benefit, what riders would have used.
export function moreTable(content, pair, part, wanted = () => true) {
  const rows = pair.more.filter((row) => row.section === part && wanted(row));
  if (!rows.length) return null;
  const levels = rows.some((row) => row.mean_a !== null && part !== 'substitution');
  const columns = [{ title: t('col.figure') }];
  if (levels) columns.push({ title: content.sides[pair.a].label, number: true }, { title: content.sides[pair.b].label, number: true });
  columns.push({ title: part === 'substitution' || part === 'switched' ? t('col.value') : t('col.difference', { b: content.sides[pair.b].label }), number: true });
  const sure = rows.some((row) => row.low !== null);
  if (sure) columns.push({ title: t('col.interval', { level: level(pair.confidence) }), number: true });
  columns.push({ title: t('col.unit') });
  const plain = part === 'substitution' || part === 'switched' || part === 'ratios';
  const write = (amount, row) => (plain ? figure(amount, row.unit) : change(amount, row.unit));
  const cells = rows.map((row) => [
    h('span', {}, moreName(row.id, content), ' ', h('a', { class: 'id', href: `#${anchor(row.id)}`, 'data-open': 'figures' }, row.id)),
    ...(levels ? [figure(row.mean_a, row.unit), figure(row.mean_b, row.unit)] : []),
    h('data', { value: String(row.difference), 'data-more': row.id, 'data-pair': pair.b }, write(row.difference, row)),
    ...(sure ? [row.low === null ? '–' : h('span', {}, interval(row.low, row.high, row.unit, plain ? figure : change), row.verdict ? h('span', { class: row.verdict === 'cannot tell' ? 'range' : 'verdict' }, ` ${t(`verdict.${row.verdict}`)}`) : null)] : []),
    unitOf(row.unit),
  ]);
  return table(`${t(`more.${part}`)}: ${content.sides[pair.b].label}`, columns, cells, { class: 'kpis', shown: true });
}

export function moreName(id, content) {
  const [plain, of] = id.split('@');
  const whose = of ? `, ${population(of)}` : '';
  const pieces = plain.split('.');
  if (pieces[0] === 'substitution' && pieces.length === 4) return t(`kpi.subst.${pieces[2]}`, { service: serviceTitle(content, pieces[1]), mode: mode(pieces[3]) });
  if (pieces[0] === 'consumer_surplus') {
    const base = named(`kpi.${pieces.slice(0, 2).join('.')}`, pieces[1].replaceAll('_', ' '));
    return pieces[2] ? `${base}: ${groupWord(pieces[2])}` : `${base}${whose}`;
  }
  return `${kpiName(plain, {})}${whose}`;
}
function groupWord(word) {
  const [, from, to] = /^(?:age|home)_(\d+)_(\d+|up)/.exec(word) ?? [];
  if (word.startsWith('age_') && from) return to === 'up' ? t('who.ageup', { from }) : t('who.age', { from, to });
  if (word.startsWith('home_') && from) return to === 'up' ? t('group.homeup', { from }) : t('group.home', { from, to });
  return named(`group.${word}`, word.replaceAll('_', ' '));
}
