// In short: what would change, how sure we are, what it costs, and for whom. Sentences follow from the figures alone.
import { h, section } from '../page.js';
import { change, figure, kpiName, level, number, percent, reason, service, t, unitOf } from '../words.js';
import { allServices, difference, newServices, partOf, realShare, value } from '../figures.js';
import { groupName } from './who.js';
import { refusalsADay } from './why.js';

const MAIN = 'sustainable_share';

export function headline(content) {
  const pairs = content.differences.filter((pair) => pair.pairs > 0);
  const cards = [
    card('change', pairs.length ? t('head.change') : t('head.now'), changes(content, pairs)),
    card('sure', t('head.sure'), certainty(content, pairs)),
    card('cost', t('head.cost'), costs(content)),
    card('whom', t('head.whom'), forWhom(content, pairs)),
  ];
  return section('headline', t('part.headline'), h('div', { class: 'cards' }, cards));
}

const card = (name, title, lines) => h('article', { class: `card ${name}` }, h('h3', {}, title), lines);
const line = (...parts) => h('p', {}, parts);

function changes(content, pairs) {
  const lines = [];
  if (!content.definitions[MAIN]) return [line(t('missing'))];
  if (!pairs.length) {
    content.sides.forEach((side, at) => lines.push(h('p', { class: 'big' }, value(content, at, MAIN, true)), line(t('head.sustainable'), content.sides.length > 1 ? ` (${side.label})` : '')));
  }
  for (const pair of pairs) {
    const [gain] = difference(content, pair, MAIN);
    const names = { b: content.sides[pair.b].label };
    lines.push(h('p', { class: 'big' }, gain), h('p', {}, filled('head.sustainable.change', names, { after: value(content, pair.b, MAIN, true), before: value(content, pair.a, MAIN, true) })));
  }
  const last = content.sides.length - 1;
  const rides = newServices(content).filter((name) => content.sides[last].kpis[`${name}.rides`]);
  if (rides.length) lines.push(h('ul', {}, rides.map((name) => h('li', {}, filled('head.rides', { service: service(name, allServices(content)) }, { rides: value(content, last, `${name}.rides`, true) })))));
  else lines.push(line(t('head.noservice')));
  for (const pair of pairs) {
    const { counts, trips } = pair.substitution;
    const same = counts.reduce((sum, row, at) => sum + row[at], 0);
    if (trips) lines.push(line(t('head.switched', { trips: number(trips), n: number(trips - same), share: percent((trips - same) / trips) })));
  }
  return lines;
}

function certainty(content, pairs) {
  const lines = [];
  for (const pair of pairs) {
    const [, low, high] = pair.rows[MAIN] ?? [];
    if (low === null || low === undefined) lines.push(line(t('head.oneday')));
    else {
      lines.push(line(t('head.interval', { low: change(low, 'share of trips'), high: change(high, 'share of trips'), level: level(pair.confidence), n: pair.pairs })));
      if (low <= 0 && high >= 0) lines.push(h('p', { class: 'verdict' }, t('head.cannot')));
    }
  }
  if (!pairs.length) {
    for (const side of content.sides) {
      const [, low, high, runs] = side.kpis[MAIN] ?? [];
      lines.push(line(runs > 1 ? t('head.seeds', { n: runs, low: percent(low), high: percent(high) }) : t('head.oneday1')));
    }
  }
  const drawn = content.sides.some((side) => side.runs.some((run) => run.inputs && Object.keys(run.inputs).length));
  lines.push(line(t(drawn ? 'head.inputs' : 'head.noinputs')));
  const real = realShare(content.areas[0]);
  if (real !== null) lines.push(line(t('head.real', { share: percent(real) })));
  const checks = heldOut(content).length;
  lines.push(line(checks ? t('head.checks', { n: checks, met: heldOut(content).filter((check) => check.met).length, of: heldOut(content).filter((check) => check.met !== null).length }) : t('head.calibration')));
  return lines;
}

function costs(content) {
  const last = content.sides.length - 1;
  const services = allServices(content);
  const money = Object.keys(content.definitions).filter((id) => partOf(id, services) === 'money' && content.sides[last].kpis[id] && !id.includes('@'));
  const own = newServices(content);
  const rows = money.filter((id) => /cost|subsid/.test(id) && (own.includes(id.split('.')[0]) || !services[id.split('.')[0]])).sort((one, two) => two.endsWith('_per_ride') - one.endsWith('_per_ride')).slice(0, 6);
  const lines = [];
  const fares = own.filter((name) => content.sides[last].kpis[`${name}.revenue_eur`]);
  if (fares.length) lines.push(h('ul', {}, fares.map((name) => h('li', {}, filled('head.revenue', { service: service(name, services) }, { value: value(content, last, `${name}.revenue_eur`, true) })))));
  else lines.push(line(t('head.nofare')));
  const more = content.differences.flatMap((pair) => [['money.city.subsidy_eur', 'head.subsidy'], ['subsidy.per_ride', 'head.perride'], ['carbon.operational.marginal', 'head.carbon']].map(([id, key]) => [pair.more.find((row) => row.id === id), key, pair]).filter(([row]) => row));
  if (more.length) lines.push(h('ul', {}, more.map(([row, key, pair]) => h('li', {}, filled(key, {}, { value: h('data', { value: String(row.difference), 'data-more': row.id, 'data-pair': pair.b }, row.section === 'ratios' ? figure(row.difference, row.unit) : change(row.difference, row.unit)) }), ` ${unitOf(row.unit)}`, row.low !== null ? ` (${change(row.low, row.unit)} … ${change(row.high, row.unit)}; ${t(`verdict.${row.verdict}`)})` : ''))));
  else if (rows.length) lines.push(h('ul', {}, rows.map((id) => h('li', {}, costName(id, services), value(content, last, id, true), ` ${unitOf(content.definitions[id].unit)}`.trimEnd()))));
  else lines.push(line(t('head.nocost')));
  return lines;
}

function costName(id, services) {
  const name = id.split('.')[0];
  return services[name] ? `${service(name, services)}, ${kpiName(id, services)}: ` : `${kpiName(id, services)}: `;
}

function forWhom(content, pairs) {
  const share = content.measures.indexOf('sustainable_share');
  const trips = content.measures.indexOf('trips');
  const last = content.sides.length - 1;
  const after = content.sides[last].groups;
  const before = pairs.length ? content.sides[0].groups : null;
  const found = Object.keys(after)
    .filter((name) => !name.startsWith('population.') && after[name][trips] >= 200 && after[name][share] !== null && (!before || before[name]?.[share] !== undefined))
    .map((name) => [name, before ? after[name][share] - before[name][share] : after[name][share]])
    .sort((one, two) => two[1] - one[1]);
  const lines = [];
  const say = (key, [name, much]) => line(t(key, { group: groupName(name), value: before ? change(much, 'share of trips') : percent(much) }));
  if (found.length > 1) {
    const end = found[found.length - 1];
    lines.push(say(before ? 'head.most' : 'head.highest', found[0]), say(before ? (end[1] < 0 ? 'head.loss' : 'head.least') : 'head.lowest', end));
  }
  const refusals = refusalsADay(content.sides[last]);
  const all = refusals.reduce((sum, row) => sum + row[2], 0);
  if (all) lines.push(line(t('head.refused', { n: number(all), reason: reason(refusals[0][1]), service: service(refusals[0][0], allServices(content)) })));
  else lines.push(line(t('head.norefused')));
  const unserved = content.sides[last].kpis['unserved@everyone'] ? 'unserved@everyone' : 'unserved';
  if (content.sides[last].kpis[unserved]) lines.push(h('p', {}, filled('head.unserved', {}, { n: value(content, last, unserved, true) })));
  return lines;
}

const heldOut = (content) => content.checks.rows.filter((check) => check.standing === 'held out');

// A sentence some of whose gaps are elements: the rest is words.
function filled(key, texts, elements) {
  const marks = Object.fromEntries(Object.keys(elements).map((name) => [name, `\u0001${name}\u0001`]));
  return t(key, { ...texts, ...marks }).split('\u0001').map((piece, at) => (at % 2 ? elements[piece] : piece));
}
