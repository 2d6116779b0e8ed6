// The first page: one sentence to decide by, then people served, outcomes, costs, groups, certainty, thresholds, limits.
// Every figure is a row of the comparison as `kera compare` has it, chosen and put in order by the Python side.
import { allServices, moreName, newServices, realShare, value } from '../figures.js';
import { h, section, table } from '../page.js';
import { change, figure, interval, kpiName, level, named, number, percent, service, t, unitOf } from '../words.js';

const MAIN = 'sustainable_share';
const LIMITS = ['model', 'people', 'habits', 'income', 'boundary'];

export function headline(content) {
  const pairs = content.differences.filter((pair) => pair.pairs > 0 && pair.decision);
  const body = pairs.length ? pairs.map((pair) => decided(content, pair, pairs.length > 1)) : h('div', { class: 'cards' }, [card('change', t('head.now'), today(content)), card('cost', t('head.cost'), costsToday(content)), card('sure', t('head.sure'), sureToday(content))]);
  return section('headline', t('part.headline'), body);
}

const card = (name, title, ...lines) => h('article', { class: `card ${name}` }, h('h3', {}, title), lines);
const line = (...parts) => h('p', {}, parts);

// A row of the comparison by id: a KPI of both scenarios, or what only a comparison can know.
function rowOf(content, pair, id) {
  const whole = pair.whole[id];
  return whole ? { ...whole, id, unit: content.definitions[id].unit } : pair.more.find((row) => row.id === id);
}
const nameOf = (content, id) => (content.definitions[id] ? kpiName(id, allServices(content)) : moreName(id, content));
// The exact value and the id stay beside the text, so that anybody can hold it against the command.
const told = (pair, row, field = 'difference', write = change) => h('data', { value: String(row[field]), 'data-row': row.id, 'data-field': field, 'data-pair': pair.b }, write(row[field], row.unit));
const between = (row, low = 'low', high = 'high', write = change) => (row[low] === null || row[low] === undefined ? t('first.nointerval') : h('span', { class: 'interval' }, interval(row[low], row[high], row.unit, write)));
const verdict = (row) => (row.verdict ? h('span', { class: row.verdict === 'cannot tell' ? 'range' : 'verdict' }, t(`verdict.${row.verdict}`)) : '');
const unitAfter = (row) => (unitOf(row.unit) ? ` ${unitOf(row.unit)}` : '');

function decided(content, pair, several) {
  const cards = [served, certainty, outcomes, costs, groups, climate, inputs, thresholds, limits].map((one) => one(content, pair)).filter(Boolean);
  return h('div', { class: 'decision', id: `decision-${pair.b}` }, several ? h('h3', {}, content.sides[pair.b].label) : null, sentence(content, pair), h('div', { class: 'cards' }, cards));
}

function sentence(content, pair) {
  const row = rowOf(content, pair, pair.decision.primary[0]);
  const people = rowOf(content, pair, 'served.any_new');
  const cost = rowOf(content, pair, pair.decision.costs[0]);
  const parts = [];
  if (row) parts.push(filled(row.verdict === 'cannot tell' ? 'first.untold' : 'first.told', { b: content.sides[pair.b].label, name: nameOf(content, row.id), verdict: t(`verdict.${row.verdict}`) }, { change: told(pair, row), between: between(row) }));
  if (people) parts.push(filled('first.people', {}, { people: told(pair, people, 'difference', figure) }));
  if (cost) parts.push(filled('first.cost', { payer: payerName(cost), boundary: boundaryText(cost) }, { cost: told(pair, cost) }));
  return h('p', { class: 'sentence' }, parts.map((part) => [part, ' ']));
}

function served(content, pair) {
  const rows = pair.decision.served.map((id) => rowOf(content, pair, id)).filter((row) => row.mean_a === null);
  const any = rows.find((row) => row.id === 'served.any_new');
  if (!any) return card('served', t('first.served'), line(t('head.noservice')));
  const items = rows.filter((row) => row !== any).sort((one, two) => two.difference - one.difference).map((row) => {
    const name = row.id.slice('served.'.length);
    const rides = rowOf(content, pair, `${name}.rides`);
    return h('li', {}, service(name, allServices(content)), ': ', told(pair, row, 'difference', figure), ` ${t('unit.people')}`, rides ? [', ', told(pair, rides, 'difference', figure), ` ${t('unit.rides')}`] : null);
  });
  return card('served', t('first.served'), h('p', { class: 'big' }, told(pair, any, 'difference', figure)), line(t('first.servedtext'), ' (', between(any, 'low', 'high', figure), ')'), h('ul', {}, items));
}

function outcomes(content, pair) {
  const rows = pair.decision.primary.map((id) => rowOf(content, pair, id));
  const columns = [{ title: t('col.figure') }, { title: content.sides[pair.a].label, number: true }, { title: content.sides[pair.b].label, number: true }, { title: t('first.change'), number: true }, { title: t('col.interval', { level: level(pair.confidence) }), number: true }, { title: t('col.verdict') }];
  const levels = (row, field) => (row[field] === null ? '–' : told(pair, row, field, figure));
  const cells = rows.map((row, at) => [`${at + 1}. ${nameOf(content, row.id)}`, levels(row, 'mean_a'), levels(row, 'mean_b'), [told(pair, row), unitAfter(row)], between(row), [verdict(row), row.standing.startsWith('exploratory') ? h('span', { class: 'small' }, ` ${t('first.behind')}`) : null]]);
  return card('wide outcomes', t('first.outcomes'), line(t('first.order')), table(t('first.outcomes'), columns, cells, { class: 'decide' }), pair.decision.draws > 1 && pair.decision.draws < pair.decision.enough ? h('p', { class: 'warn' }, t('first.fewdraws', { n: pair.decision.draws, enough: pair.decision.enough })) : null, h('p', { class: 'small' }, t('first.exploratory')));
}

const payerName = (row) => named(`payer.${row.payer}`, row.payer.replaceAll('_', ' '));
const boundaryText = (row) => row.boundary.split('+').map((code) => named(`boundary.${code}`, code)).join('; ');

function costs(content, pair) {
  const rows = pair.decision.costs.map((id) => rowOf(content, pair, id));
  const columns = [{ title: t('first.payer') }, { title: t('first.perday'), number: true }, { title: t('col.interval', { level: level(pair.confidence) }), number: true }, { title: t('first.counted') }];
  const cells = rows.map((row) => [h('span', {}, moreName(row.id, content)), told(pair, row), between(row), boundaryText(row)]);
  const year = rowOf(content, pair, 'yearly.net');
  return card('wide cost', t('head.cost'), table(t('first.costs'), columns, cells, { class: 'decide', shown: true }),
    year ? line(filled('first.year', { boundary: boundaryText(year) }, { sum: told(pair, year), between: between(year) })) : line(t('first.noyear')));
}

function groups(content, pair) {
  const rows = pair.decision.groups.map((id) => rowOf(content, pair, id));
  const whole = rowOf(content, pair, pair.decision.benefit);
  if (!whole || !rows.length) return card('whom', t('head.whom'), line(t('missing')));
  const columns = [{ title: t('col.group') }, { title: t('first.perperson'), number: true }, { title: t('col.interval', { level: level(pair.confidence) }), number: true }, { title: t('col.verdict') }];
  const cells = [whole, ...rows].map((row) => [row === whole ? t('first.allresidents') : moreName(row.id, content).replace(/^[^:]*: /, ''), told(pair, row), between(row), verdict(row)]);
  const saved = rowOf(content, pair, 'consumer_surplus.time_and_money');
  return card('wide whom', t('head.whom'), table(t('first.groups'), columns, cells, { class: 'decide', shown: true }),
    saved ? h('p', { class: 'benefitwhy' }, filled('first.benefitwhy', {}, { benefit: told(pair, whole), saved: told(pair, saved), between: between(saved) })) : null);
}

function climate(content, pair) {
  const rows = pair.decision.carbon.map((id) => rowOf(content, pair, id));
  if (!rows.length) return null;
  const sign = pair.decision.carbon_sign;
  return card('climate', t('first.carbon'), h('p', { class: 'verdict carbonsign' }, sign === 'cannot tell' ? t('first.carbonuntold') : t('first.carbonsign', { verdict: t(`verdict.${sign}`) })),
    h('ul', {}, rows.map((row) => h('li', {}, moreName(row.id, content), ': ', told(pair, row), unitAfter(row), ' (', between(row), '; ', verdict(row), ')'))));
}

// Both intervals of the first primary outcome: chance, and what is not known of the inputs.
function certainty(content, pair) {
  const row = rowOf(content, pair, pair.decision.primary[0]);
  const seeds = new Set(content.sides[pair.b].runs.map((run) => run.seed)).size;
  const lines = [];
  if (row) {
    lines.push(line(h('strong', {}, t('first.chance')), ' ', row.chance_low === null ? t('head.oneday') : [nameOf(content, row.id), ': ', between(row, 'chance_low', 'chance_high'), '. ', t('first.chancetext', { n: seeds })]));
    lines.push(line(h('strong', {}, t('first.inputs')), ' ', row.inputs_low === null ? t('first.notvaried') : [between(row, 'inputs_low', 'inputs_high'), '. ', t('first.inputstext', { n: pair.decision.draws })]));
  }
  return card('sure', t('head.sure'), lines, margins(content));
}

function margins(content) {
  const real = realShare(content.areas[0]);
  const checks = content.checks.rows.filter((check) => check.standing === 'held out');
  const banded = checks.filter((check) => check.met !== null);
  return [real === null ? null : line(t('head.real', { share: percent(real) })), line(checks.length ? t('head.checks', { n: checks.length, met: banded.filter((check) => check.met).length, of: banded.length }) : t('head.calibration'))];
}

function inputs(content, pair) {
  const { inputs: rows, draws, least, primary } = pair.decision;
  if (!rows.length) return card('inputs', t('first.decide'), line(draws > 1 ? t('first.decidefew', { n: draws, least }) : t('first.decideunknown')));
  const { unit } = rowOf(content, pair, primary[0]);
  return card('inputs', t('first.decide'), line(t('first.decidetext', { name: nameOf(content, primary[0]) })),
    h('ol', {}, rows.map(([key, low, high, moved, from, to]) => h('li', {}, h('code', {}, key), ` ${number(low)} → ${number(high)}: ${change(moved, unit)} (${interval(from, to, unit)})`))));
}

function thresholds(content, pair) {
  const rows = pair.decision.thresholds;
  if (!rows.length) return card('city', t('first.city'), line(t('first.nothreshold')));
  const say = (answers) => (answers === null ? t('first.nointerval') : answers.length === 1 ? t(`answer.${answers[0]}`) : t('first.open', { answers: answers.map((one) => t(`answer.${one}`)).join(' / ') }));
  return card('city', t('first.city'), h('ul', {}, rows.map(([id, go, stop, answers]) => {
    const row = rowOf(content, pair, id);
    const sign = go > stop ? ['≥', '≤'] : ['≤', '≥'];
    return h('li', { 'data-threshold': id }, nameOf(content, id), ': ', told(pair, row), ' (', between(row), '). ', t('first.limits', { go: `${sign[0]} ${change(go, row.unit)}`, stop: `${sign[1]} ${change(stop, row.unit)}` }), ' ', h('strong', {}, say(answers)));
  })));
}

const limits = () => card('limits', t('first.cannot'), h('ul', {}, LIMITS.map((name) => h('li', {}, t(`limit.${name}`)))));

// One scenario, or several that share no run: what a day looks like, without any claim of a change.
function today(content) {
  if (!content.definitions[MAIN]) return [line(t('missing'))];
  const last = content.sides.length - 1;
  const lines = content.sides.flatMap((side, at) => [h('p', { class: 'big' }, value(content, at, MAIN, true)), line(t('head.sustainable'), content.sides.length > 1 ? ` (${side.label})` : '')]);
  const rides = newServices(content).filter((name) => content.sides[last].kpis[`${name}.rides`]);
  lines.push(rides.length ? h('ul', {}, rides.map((name) => h('li', {}, filled('head.rides', { service: service(name, allServices(content)) }, { rides: value(content, last, `${name}.rides`, true) })))) : line(t('head.noservice')));
  return lines;
}

// What each service states that it costs, the largest first.
function costsToday(content) {
  const last = content.sides.length - 1;
  const { kpis } = content.sides[last];
  const costOf = (name) => kpis[`${name}.operating_cost_eur`]?.[0] ?? null;
  const names = Object.keys(allServices(content)).filter((name) => costOf(name) !== null).sort((one, two) => costOf(two) - costOf(one));
  if (!names.length) return [line(t('head.nocost'))];
  return [h('ul', {}, names.map((name) => h('li', {}, `${service(name, allServices(content))}, ${kpiName(`${name}.operating_cost_eur`, allServices(content))}: `, value(content, last, `${name}.operating_cost_eur`, true), perRide(content, last, name))))];
}
function perRide(content, side, name) {
  const id = `${name}.operating_cost_eur_per_ride`;
  return Number.isFinite(content.sides[side].kpis[id]?.[0]) ? h('span', {}, `; ${kpiName(id, allServices(content))}: `, value(content, side, id, true), ` ${unitOf(content.definitions[id].unit)}`) : null;
}

function sureToday(content) {
  const lines = content.sides.map((side) => {
    const [, low, high, runs] = side.kpis[MAIN] ?? [];
    return line(runs > 1 ? t('head.seeds', { n: runs, low: percent(low), high: percent(high) }) : t('head.oneday1'));
  });
  const drawn = content.sides.some((side) => side.runs.some((run) => run.inputs && Object.keys(run.inputs).length));
  return [...lines, line(t(drawn ? 'head.inputs' : 'head.noinputs')), ...margins(content)];
}

// A sentence some of whose gaps are elements: the rest is words.
function filled(key, texts, elements) {
  const marks = Object.fromEntries(Object.keys(elements).map((name) => [name, `\u0001${name}\u0001`]));
  return t(key, { ...texts, ...marks }).split('\u0001').map((piece, at) => (at % 2 ? elements[piece] : piece));
}
