// Times and waiting; what each service did; climate: tables of KPIs with the charts that belong to them.
import { chart } from '../charts.js';
import { allServices, idsOf, kpiTable, moreTable, newServices, ofEveryone } from '../figures.js';
import { DASH, SIDE_COLOUR, mark, modeColour } from '../look.js';
import { choice, h, more, section } from '../page.js';
import { kpiName, number, population, service, t } from '../words.js';
import { isKept } from './kept.js';

export function times(content, state) {
  return section('times', t('part.times'), h('p', { class: 'lead' }, t('times.lead')),
    kpiTable(content, t('table.figures', { of: population(state.population) }), idsOf(content, 'times', state.population)), took(content), waits(content));
}

function took(content) {
  const width = content.sides[0].histograms.door_to_door.bin;
  const shares = content.sides.map((side) => asShares(side.histograms.door_to_door.counts));
  return lines('chart-took', t('chart.took'), width, shares, content.sides.map((side) => side.label), SIDE_COLOUR, t('axis.share'));
}

function waits(content) {
  const side = content.sides[content.sides.length - 1];
  const names = Object.keys(side.histograms.wait.counts).filter((name) => side.histograms.wait.counts[name].slice(1).some(Boolean));
  if (!names.length) return null;
  const shares = names.map((name) => asShares(side.histograms.wait.counts[name]));
  return lines('chart-wait', `${t('chart.wait')}: ${side.label}`, side.histograms.wait.bin, shares, names.map((name) => service(name, side.services)), names.map((name) => modeColour(side.services[name].mode)), t('axis.sharerides'));
}

const asShares = (counts) => {
  const whole = counts.reduce((sum, count) => sum + count, 0) || 1;
  return counts.map((count) => (100 * count) / whole);
};

function lines(id, title, width, shares, names, colours, axis) {
  const bins = shares[0].map((_, at) => (at === shares[0].length - 1 ? `≥ ${at * width}` : width === 1 ? String(at) : `${at * width}–${(at + 1) * width}`));
  return chart(id, title, 300, {
    legend: {}, grid: { left: 56 }, xAxis: { type: 'category', data: bins, name: t('axis.minutes'), boundaryGap: false }, yAxis: { type: 'value', name: axis },
    tooltip: { axisPointer: { type: 'line' }, valueFormatter: (share) => `${number(share, 1)} %` },
    series: names.map((name, at) => ({ name, type: 'line', step: 'middle', symbol: mark(at), symbolSize: 6, showAllSymbol: false, lineStyle: { width: 2.2, type: DASH[at % DASH.length] }, itemStyle: { color: colours[at % colours.length] }, data: shares[at] })),
  },
  [{ title: t('col.minutes') }, ...names.map((name) => ({ title: name, number: true }))],
  bins.map((bin, at) => [bin, ...shares.map((share) => `${number(share[at], 2)} %`)]));
}

export function services(content, state, redraw) {
  const all = allServices(content);
  const side = content.sides[state.side];
  const own = newServices(content);
  const order = [...own, ...Object.keys(all).filter((name) => !own.includes(name))];
  const ids = [...idsOf(content, 'services'), ...idsOf(content, 'money')];
  const money = ids.some((id) => /cost|subsid/.test(id)) || content.differences.some((pair) => pair.more.some((row) => row.section === 'money'));
  const loose = ids.filter((id) => !all[id.split('.')[0]] && !id.includes('@'));
  return section('services', t('part.services'), h('p', { class: 'lead' }, t('services.lead'), money ? '' : ` ${t('services.nomoney')}`),
    kpiTable(content, t('part.services'), loose),
    content.differences.map((pair) => ['money', 'ratios', 'yearly'].map((part) => moreTable(content, pair, part))),
    order.filter((name) => all[name].operated).map((name) => h('div', { class: 'service' }, ofService(content, name, ids))),
    content.sides.length > 1 ? h('div', { class: 'choices' }, choice(t('choose.scenario'), content.sides.map((one, at) => [at, one.label]), state.side, (at) => { state.side = Number(at); redraw('services'); }, 'fleet-side')) : null,
    h('div', { class: 'pair' }, order.filter((name) => side.fleets[name]).map((name) => fleet(side, name))),
    kpiTable(content, t('services.other'), ids.filter((id) => all[id.split('.')[0]] && !all[id.split('.')[0]].operated)));
}

// What planners ask first; the rest of a service's figures are folded under it.
const FIRST = ['rides', 'vehicles', 'rides_per_vehicle', 'passenger_km', 'wait_s.mean', 'stop_wait_s.mean', 'detour_s.mean', 'denied_requests', 'left_behind', 'load_share.max', 'vehicle_km', 'empty_share', 'unused_share', 'revenue_eur', 'operating_cost_eur', 'operating_cost_eur_per_ride', 'full_cost_eur_per_ride', 'subsidy_eur_per_ride', 'crew.hours', 'crew.cost_eur'];
function ofService(content, name, ids) {
  const mine = ids.filter((id) => id.split('.')[0] === name && !isKept(id));
  const first = FIRST.map((id) => `${name}.${id}`).filter((id) => mine.includes(id));
  const rest = mine.filter((id) => !first.includes(id));
  const title = service(name, allServices(content));
  return [kpiTable(content, title, first), rest.length ? more(t('services.more', { service: title, n: rest.length }), kpiTable(content, title, rest)) : null];
}

function fleet(side, name) {
  const rows = side.fleets[name];
  const keys = Object.keys(rows);
  const clocks = rows.moving.map((_, at) => `${String(Math.floor(at / 4)).padStart(2, '0')}:${String((at % 4) * 15).padStart(2, '0')}`);
  return chart(`chart-fleet-${name}`, t('chart.fleet', { service: service(name, side.services) }), 260, {
    legend: {}, grid: { top: 74, left: 52 }, xAxis: { type: 'category', data: clocks, axisLabel: { interval: 15 }, name: t('axis.hour'), boundaryGap: false }, yAxis: { type: 'value', name: t('axis.vehicles') },
    tooltip: { axisPointer: { type: 'line' } },
    series: keys.map((key, at) => ({ name: t(`fleet.${key}`), type: 'line', symbol: 'none', step: 'end', lineStyle: { width: 2, type: DASH[at % 3] }, itemStyle: { color: SIDE_COLOUR[(at + 1) % SIDE_COLOUR.length] }, data: rows[key] })),
  }, [{ title: t('col.time') }, ...keys.map((key) => ({ title: t(`fleet.${key}`), number: true }))], clocks.map((clock, at) => [clock, ...keys.map((key) => number(rows[key][at]))]).filter((_, at) => at % 2 === 0));
}

export function climate(content) {
  const ids = ofEveryone(content, idsOf(content, 'climate'));
  const km = idsOf(content, 'travel', 'everyone').filter((id) => id.startsWith('person_km'));
  const carbon = content.differences.map((pair) => moreTable(content, pair, 'carbon')).filter(Boolean);
  if (carbon.length) return section('climate', t('part.climate'), carbon, ids.length ? kpiTable(content, t('part.climate'), ids) : null, kpiTable(content, kpiName('person_km', {}), km));
  return section('climate', t('part.climate'), ids.length ? kpiTable(content, t('part.climate'), ids) : [h('p', { class: 'lead' }, t('climate.none')), kpiTable(content, kpiName('person_km', {}), km)]);
}
