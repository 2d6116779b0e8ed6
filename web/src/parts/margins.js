// Honest margins: what is assumed, how much of the map is real, checks, sources, how to repeat it, every definition.
import { allServices, anchor, dataText, moreName, realShare, value } from '../figures.js';
import { h, more, section, table } from '../page.js';
import { change, definitionOf, figure, fromData, kpiName, language, named, number, percent, population, sentences, t, unitOf } from '../words.js';

export function sure(content) {
  const side = content.sides[content.sides.length - 1];
  const drawn = content.sides.flatMap((one) => one.runs.filter((run) => run.inputs).map((run) => run));
  const area = content.areas[0];
  const whole = Object.values(area.length_m).reduce((sum, length) => sum + length, 0);
  const seeds = content.sides.map((one) => `${content.sides.length > 1 ? `${one.label}: ` : ''}${one.runs.map((run) => run.seed).join(', ')}`).join('; ');
  return section('sure', t('part.sure'),
    content.differences.filter((pair) => pair.notes?.length).map((pair) => [h('h3', {}, `${t('more.notes')}: ${content.sides[pair.b].label}`), h('ul', {}, pair.notes.map((note) => h('li', { lang: language() === 'en' ? 'en' : null }, sentences(note))))]),
    h('h3', {}, t('sure.seeds')), h('p', {}, t('sure.seedstext', { seeds })),
    h('h3', {}, t('sure.inputs')), drawn.length ? inputs(drawn) : h('p', {}, t('sure.noinputs')),
    content.sides.filter((one) => one.weights.length).map((one) => table(`${t('sure.inputs')}: ${one.label}`, [{ title: t('col.key') }, { title: t('col.low'), number: true }, { title: t('col.high'), number: true }, { title: t('col.weight'), number: true }],
      one.weights.map(([key, low, high, weight]) => [h('code', {}, key), number(low), number(high), weight === null ? '–' : number(weight, 2)]))),
    h('h3', {}, t('sure.map')), h('p', {}, t('head.real', { share: percent(realShare(area) ?? 0) })),
    whole ? table(t('sure.map'), [{ title: t('col.what') }, { title: 'km', number: true }, { title: '%', number: true }],
      Object.entries(area.length_m).map(([origin, length]) => [originName(origin), number(length / 1000, 1), percent(length / whole)])) : null,
    h('h3', {}, t('sure.checks')), content.checks.rows.length ? checkTable(content.checks) : h('p', {}, t('sure.nochecks')),
    h('h3', {}, t('sure.assumptions')), assumptions(side));
}

export const originName = (origin) => named(`map.${origin.startsWith('osm') ? 'real' : origin}`, origin);

function inputs(runs) {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.inputs)))];
  return table(t('sure.inputs'), [{ title: t('sources.seed') }, ...keys.map((key) => ({ title: key, number: true }))],
    runs.slice(0, 100).map((run) => [`${run.seed}, ${run.day ?? 0}`, ...keys.map((key) => (typeof run.inputs[key] === 'number' ? number(run.inputs[key]) : String(run.inputs[key] ?? '–')))]));
}

function checkTable({ scenario, rows }) {
  const met = (check) => (check.met === null ? '–' : t(check.met ? 'sure.met' : 'sure.missed'));
  return [h('p', {}, t('sure.checkstext', { scenario })),
    table(t('sure.checks'), [{ title: t('col.what') }, { title: t('col.heldout') }, { title: t('col.model'), number: true }, { title: t('col.observed'), number: true }, { title: t('col.band'), number: true }, { title: t('col.unit') }, { title: t('col.verdict') }, { title: t('col.source') }],
      rows.map((check) => [dataText(check.title), t(`standing.${check.standing}`), number(check.model), number(check.data), check.tolerance === null || check.tolerance === undefined ? '–' : `± ${number(check.tolerance)} (${number(check.data - check.tolerance)} … ${number(check.data + check.tolerance)})`, dataText(check.unit), met(check), dataText(check.source)]), { class: 'checks' })];
}

// What is known of a setting. Its own description is English; elsewhere its kind, range and source are told.
function basisText(basis) {
  if (language() === 'en') return h('span', { lang: 'en' }, basis);
  const [, low, high] = /range (-?[\d.,]+) to (-?[\d.,]*\d)/.exec(basis) ?? [];
  const source = /\(([a-z_]+(?:\.[a-z_0-9]+)+)\)/.exec(basis)?.[1];
  return [low ? t('basis.range', { low: low.replace('.', t('decimal')), high: high.replace('.', t('decimal')) }) : t('basis.norange'), source ? t('basis.source', { source }) : null].filter(Boolean).join(' ');
}

function assumptions(side) {
  if (!side.assumptions.length) return h('p', {}, t('sure.noassumptions'));
  const weighed = side.assumptions.some((one) => one.weight !== undefined);
  const rows = side.assumptions.map((one) => [h('code', {}, one.key), String(one.value), t(`sure.${one.status === 'unverified' ? 'unverified' : 'assumed'}`), ...(weighed ? [one.weight ?? '–'] : []), basisText(one.basis)]);
  return [h('p', {}, t('sure.assumptionstext', { b: side.label })),
    table(t('sure.assumptions'), [{ title: t('col.key') }, { title: t('col.value') }, { title: t('col.verdict') }, ...(weighed ? [{ title: t('sure.weight') }] : []), { title: t('col.basis') }], rows, { class: 'assumptions' })];
}

export function sources(content) {
  const area = content.areas[0].about;
  const runs = content.sides.flatMap((side) => side.runs.map((run) => ({ ...run, label: side.label, scenario: side.scenario })));
  return section('sources', t('part.sources'),
    h('h3', {}, t('sources.data')),
    area.sources ? table(t('sources.data'), [{ title: t('col.what') }, { title: t('col.who') }, { title: t('col.licence') }], area.sources.map((source) => [dataText(source.what), fromData(source.who, true), fromData(source.licence, true)])) : null,
    area.attribution ? h('p', {}, fromData(area.attribution)) : null,
    h('h3', {}, t('sources.repeat')), h('p', {}, t('sources.repeattext')),
    content.sides.map((side) => h('pre', { tabindex: '0' }, `kera run ${side.scenario}.yaml --seeds ${side.runs.map((run) => run.seed).join(',')}`)),
    table(t('sources.repeat'), [{ title: t('sources.run') }, { title: t('sources.seed') }, { title: t('sources.version') }, { title: t('sources.trips'), number: true }, { title: t('sources.fingerprint') }, { title: t('sources.hash') }, { title: t('sources.town') }],
      runs.map((run) => [run.label, `${run.seed}, ${run.day ?? 0}`, run.version ?? '–', number(run.person_trips), hash(run.fingerprint), hash(run.input_hashes?.scenario), hash(run.input_hashes?.town)]), { class: 'runs' }),
    content.sides.map((side) => more(t('sources.settings', { b: side.label }), h('pre', { tabindex: '0', lang: 'en' }, side.settings))),
    more(t('sources.licences'), h('pre', { tabindex: '0', lang: 'en' }, document.getElementById('licences').textContent)),
    h('p', { class: 'small' }, t('sources.report', { version: content.version })));
}
const hash = (text) => (text ? h('code', { title: text }, text.slice(0, 12)) : '–');

// Shares are shown in per cent, seconds in minutes, metres in kilometres; English has what the share is of, too.
const shownUnit = (unit) => ({ s: t('unit.min'), m: 'km', EUR: '€' })[unit] ?? (language() === 'en' ? unit : '%');

// The sentence of a figure, marked as English where it is the data's own.
function defined(id, english, services) {
  const text = definitionOf(id, english, services);
  return text === english ? h('span', { lang: 'en' }, text) : text;
}

export function figures(content) {
  const services = allServices(content);
  const ids = Object.keys(content.definitions);
  const columns = [{ title: t('col.figure') }, ...content.sides.map((side) => ({ title: side.label, number: true })), { title: t('col.unit') }, { title: t('col.population') }, { title: t('col.definition') }];
  const rows = ids.map((id) => ({ attributes: { id: anchor(id), 'data-words': `${id} ${kpiName(id, services)} ${definitionOf(id, content.definitions[id].definition, services)}`.toLowerCase() },
    cells: [h('span', {}, kpiName(id, services), ' ', h('code', { class: 'id' }, id)), ...content.sides.map((_, at) => value(content, at, id)), unitOf(content.definitions[id].unit) || shownUnit(content.definitions[id].unit), population(content.definitions[id].population), defined(id, content.definitions[id].definition, services)] }));
  for (const pair of content.differences) {
    for (const row of pair.more) {
      rows.push({ attributes: { id: pair.b === 1 ? anchor(row.id) : null, 'data-words': `${row.id} ${definitionOf(row.id, row.definition, services)}`.toLowerCase() },
        cells: [h('span', {}, moreName(row.id, content), ' ', h('code', { class: 'id' }, row.id)), ...content.sides.map((_, at) => (at === pair.a ? figure(row.mean_a, row.unit) : at === pair.b ? h('data', { value: String(row.difference), 'data-more': row.id, 'data-pair': pair.b }, row.mean_a === null ? figure(row.difference, row.unit) : change(row.difference, row.unit)) : '–')), unitOf(row.unit), population(row.population), defined(row.id, row.definition, services)] });
    }
  }
  const all = table(t('part.figures'), columns, rows, { class: 'all' });
  const count = h('span', { 'aria-live': 'polite' }, t('figures.count', { n: rows.length }));
  const filter = (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    let left = 0;
    all.querySelectorAll('tbody tr').forEach((row) => { row.hidden = !row.dataset.words.includes(wanted); left += row.hidden ? 0 : 1; });
    count.textContent = t('figures.count', { n: left });
  };
  const many = content.sides.some((side) => side.runs.length > 1);
  return section('figures', t('part.figures'), h('p', { class: 'lead' }, t('figures.lead'), many ? ` ${t('figures.mean')}` : ''),
    h('details', { id: 'figures-all' }, h('summary', {}, t('figures.open')),
      h('div', { class: 'choices' }, h('div', { class: 'choice' }, h('label', { for: 'figures-filter' }, t('figures.filter')), h('input', { id: 'figures-filter', type: 'search', oninput: filter })), count), all));
}
