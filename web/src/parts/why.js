// Who was refused and why: the sums and sentences of `kera explain`, in the language of the page.
import { chart } from '../charts.js';
import { allServices, idsOf, kpiTable, ofEveryone } from '../figures.js';
import { SIDE_COLOUR } from '../look.js';
import { choice, h, more, section, table } from '../page.js';
import { apart, fromData, language, meaning, mode, named, number, percent, population, reason, service, t } from '../words.js';

const KINDS = ['unserved', 'refused', 'booking', 'left_behind', 'under_way'];
const WHAT = 0, SERVICE = 1, REASON = 2, COUNT = 3, PLACES = 4, HOURS = 5, DID = 6;

export function reliability(content, state, redraw) {
  const side = content.sides[state.side];
  const found = side.why;
  return section('reliability', t('part.reliability'), h('p', { class: 'lead' }, t('reliability.lead')),
    refusalChart(content),
    content.sides.length > 1 ? h('div', { class: 'choices' }, choice(t('choose.scenario'), content.sides.map((one, at) => [at, one.label]), state.side, (at) => { state.side = Number(at); redraw('reliability'); }, 'why-side')) : null,
    h('div', { class: 'why' }, h('p', { class: 'short' }, inShort(found, content)),
      found.runs > 1 ? h('p', { class: 'small' }, t('why.runs', { n: found.runs })) : null,
      KINDS.map((kind) => reasons(found, kind, content)),
      h('p', { class: found.agrees ? 'small' : 'refused' }, t(found.agrees ? 'why.agrees' : 'why.disagrees', { n: found.sums })),
      language() === 'en' ? more(t('why.told'), h('pre', { tabindex: '0' }, found.text)) : null),
    kpiTable(content, t('table.figures', { of: population('everyone') }), ofEveryone(content, idsOf(content, 'reliability'))));
}

// Refusals a day of a scenario: the sums of `kera explain` over its runs.
export function refusalsADay(side) {
  return side.why.rows.filter((row) => row[WHAT] === 'refused').map((row) => [row[SERVICE], row[REASON], row[COUNT] / side.why.runs]);
}

function refusalChart(content) {
  const services = allServices(content);
  const sides = content.sides.map(refusalsADay);
  const rows = [...new Map(sides.flat().map((row) => [`${row[0]} ${row[1]}`, row])).values()];
  if (!rows.length) return h('p', {}, t('reliability.none'));
  const count = (at, row) => sides[at].find((one) => one[0] === row[0] && one[1] === row[1])?.[2] ?? 0;
  const most = (row) => Math.max(...sides.map((_, at) => count(at, row)));
  rows.sort((one, two) => most(two) - most(one));
  const name = (row) => `${service(row[0], services)}: ${reason(row[1])}`;
  const wide = window.innerWidth >= 600;
  return chart('chart-refused', t('chart.refused'), 90 + rows.length * (14 + 18 * sides.length), {
    legend: {}, grid: { left: wide ? 250 : 12, right: 50, top: 40, bottom: 44 },
    xAxis: { type: 'value', name: t('axis.times') }, yAxis: { type: 'category', inverse: true, data: rows.map(name), axisLabel: wide ? { width: 236, overflow: 'truncate' } : { inside: true, verticalAlign: 'bottom', padding: [0, 0, 8, 0], margin: 2 }, z: 10 },
    series: content.sides.map((side, at) => ({ name: side.label, type: 'bar', barMaxWidth: 16, itemStyle: { color: SIDE_COLOUR[at], opacity: wide ? 1 : 0.75 }, label: { show: true, position: 'right', formatter: ({ value }) => number(value) }, data: rows.map((row) => count(at, row)) })),
  }, [{ title: t('col.reason') }, ...content.sides.map((side) => ({ title: side.label, number: true }))], rows.map((row) => [name(row), ...sides.map((_, at) => number(count(at, row)))]));
}

// The first sentences of `kera explain`.
function inShort(found, content) {
  const services = allServices(content);
  const parts = [found.lost ? t('why.lost', { trips: number(found.trips), n: number(found.lost), residents: number(found.lost_residents) }) : t('why.nolost', { trips: number(found.trips) })];
  if (!found.first) return [...parts, t('reliability.none')].join(' ');
  const [name, why, count, place, hour, there] = found.first;
  parts.push(t('why.refused', { n: number(found.refused) }), t('why.most', { n: number(count), service: service(name, services), meaning: meaning(why), place: placeName(place), from: hour, to: hour + 1, there: number(there) }));
  if (found.did.length) parts.push(t('why.did', { did: did(found.did[0][0]), n: number(found.did[0][1]) }));
  return parts.join(' ');
}

function reasons(found, kind, content) {
  const services = allServices(content);
  const rows = found.rows.filter((row) => row[WHAT] === kind);
  if (!rows.length) return null;
  const sum = (some) => some.reduce((total, row) => total + row[COUNT], 0);
  // Shares are of the service's refusals, of all trips given up, as `kera explain` has them.
  const whole = (row) => (kind === 'unserved' ? sum(rows) : sum(rows.filter((one) => one[SERVICE] === row[SERVICE])));
  rows.sort((one, two) => whole(two) - whole(one) || two[COUNT] - one[COUNT]);
  const after = kind === 'refused' || kind === 'booking';
  const columns = [{ title: t('col.service') }, { title: t('col.reason') }, { title: t('col.count'), number: true }, { title: '%', number: true }, { title: t('col.where') }, { title: t('col.when') }];
  if (after) columns.push({ title: t('col.did') });
  const list = (row, column, name, rest) => {
    const left = row[COUNT] - row[column].reduce((total, [, n]) => total + n, 0);
    return [...row[column].map(([what, n]) => `${name(what)}\u00a0(${number(n)})`), ...(left ? [`${t(rest)}\u00a0(${number(left)})`] : [])].join(', ');
  };
  const because = (row) => (row[REASON] ? meaning(row[REASON]) : kind === 'under_way' ? t('story.under_way') : t('why.nothing'));
  const cells = rows.map((row) => [
    row[SERVICE] ? service(row[SERVICE], services) : t('why.noservice'),
    kind === 'unserved' && !row[SERVICE] ? t('why.nothing') : kind === 'booking' ? t(`why.${row[REASON]}`) : because(row),
    h('data', { value: String(row[COUNT]), 'data-why': `${kind}/${row[SERVICE]}/${row[REASON]}` }, number(row[COUNT])), percent(row[COUNT] / whole(row), 0),
    list(row, PLACES, placeName, 'why.elsewhere'), list(row, HOURS, hours, 'why.otherhours'), ...(after ? [list(row, DID, did, 'why.otherwise')] : []),
  ]);
  return table(`${t(`why.title.${kind}`)}: ${number(sum(rows))}`, columns, cells, { class: 'reasons', shown: true });
}

const hours = (hour) => `${String(hour).padStart(2, '0')}–${String(Number(hour) + 1).padStart(2, '0')}`;
const did = (what) => named(`did.${what}`, null) ?? mode(what);
function placeName(name) {
  if (name.startsWith('around ')) return t('story.near', { name: fromData(name.slice(7), true) });
  return named(`place.${name.replaceAll(' ', '_')}`, null) ?? apart(fromData(name, true));
}
