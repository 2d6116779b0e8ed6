// How people travel: mode shares side by side, trips by hour, what trips that changed were made by before.
import { chart, short } from '../charts.js';
import { idsOf, kpiTable, moreTable, newServices, value } from '../figures.js';
import { SIDE_COLOUR, inStack, modeColour } from '../look.js';
import { choice, h, section, table } from '../page.js';
import { mode, number, percent, population, t } from '../words.js';

export function travel(content, state, redraw) {
  const populations = [...new Set(Object.values(content.definitions).map((one) => one.population))].filter((name) => content.definitions[`mode_share.walk${suffix(name)}`]);
  return section('travel', t('part.travel'), h('p', { class: 'lead' }, t('travel.lead')),
    h('div', { class: 'choices' }, choice(t('choose.population'), populations.map((name) => [name, population(name)]), state.population, (name) => { state.population = name; redraw('travel'); redraw('times'); }, 'population')),
    shares(content, state.population), sharesOfNew(content, state.population),
    kpiTable(content, t('table.figures', { of: population(state.population) }), idsOf(content, 'travel', state.population)),
    hours(content, state, redraw),
    content.differences.filter((pair) => pair.substitution.trips).map((pair) => [substitution(content, pair), moreTable(content, pair, 'substitution'), moreTable(content, pair, 'switched')]));
}
export const suffix = (name) => (name === 'residents' ? '' : `@${name}`);

function shares(content, people) {
  const modes = inStack([...new Set(content.sides.flatMap((side) => side.modes))]);
  const id = (name) => `mode_share.${name}${suffix(people)}`;
  const of = (side, name) => side.kpis[id(name)]?.[0] ?? 0;
  const sides = content.sides;
  return chart('chart-share', `${t('chart.share')}: ${population(people)}`, 110 + 56 * sides.length, {
    grid: { left: 12, right: 24, top: window.innerWidth < 600 ? 96 : 56, bottom: 44 },
    legend: {}, xAxis: { type: 'value', max: 100, name: t('axis.share'), nameGap: 26 },
    yAxis: { type: 'category', data: sides.map((side) => side.label), inverse: true, axisLabel: { inside: true, show: false } },
    tooltip: { valueFormatter: (share) => `${number(share, 1)} %` },
    series: modes.map((name) => ({
      name: mode(name), type: 'bar', stack: 'all', barWidth: 30, itemStyle: { color: modeColour(name, modes), borderColor: '#fff', borderWidth: 1 },
      data: sides.map((side) => 100 * of(side, name)),
    })).concat([{ name: '', type: 'bar', stack: 'name', barGap: '-175%', barWidth: 30, silent: true, itemStyle: { color: 'transparent', decal: { symbol: 'none' } }, tooltip: { show: false },
      data: sides.map(() => 0), label: { show: true, position: 'insideLeft', formatter: ({ dataIndex }) => short(sides[dataIndex].label), color: '#1c2b39', fontWeight: 600, offset: [-4, 0] } }]),
  },
  [{ title: t('col.mode') }, ...sides.map((side) => ({ title: side.label, number: true }))],
  modes.map((name) => [mode(name), ...sides.map((_, at) => value(content, at, id(name)))]),
  sides.map((side) => `${side.label}: ${modes.map((name) => `${mode(name)} ${percent(of(side, name), 0)}`).join(', ')}`).join('. '));
}

// New services carry too few to be seen beside walking: they have bars of their own, each with its number.
function sharesOfNew(content, people) {
  const { services } = content.sides[content.sides.length - 1];
  const modes = inStack([...new Set(newServices(content).map((name) => services[name].mode))]);
  const of = (side, name) => side.kpis[`mode_share.${name}${suffix(people)}`]?.[0] ?? 0;
  if (!modes.length) return null;
  const several = content.sides.length > 1;
  return chart('chart-share-new', `${t('chart.sharenew')}: ${population(people)}`, 70 + modes.length * (14 + 16 * content.sides.length), {
    grid: { left: window.innerWidth < 600 ? 110 : 150, right: 60, top: several ? 34 : 10, bottom: 40 }, legend: several ? {} : false,
    xAxis: { type: 'value', name: t('axis.share') }, yAxis: { type: 'category', inverse: true, data: modes.map(mode) },
    tooltip: { valueFormatter: (share) => `${number(share, 2)} %` },
    series: content.sides.map((side, at) => ({ name: side.label, type: 'bar', barMaxWidth: 16, itemStyle: { color: SIDE_COLOUR[at] }, data: modes.map((name) => 100 * of(side, name)), label: { show: true, position: 'right', formatter: ({ value: share }) => `${number(share, 2)} %` } })),
  },
  [{ title: t('col.mode') }, ...content.sides.map((side) => ({ title: side.label, number: true }))],
  modes.map((name) => [mode(name), ...content.sides.map((_, at) => value(content, at, `mode_share.${name}${suffix(people)}`))]));
}

function hours(content, state, redraw) {
  const side = content.sides[state.side];
  const by = side.hours[state.population] ?? side.hours.everyone;
  const names = inStack(Object.keys(by).filter((name) => name !== 'none')).concat('none').filter((name) => by[name].some(Boolean));
  const last = Math.max(24, ...names.map((name) => by[name].length));
  const hour = [...Array(last).keys()];
  return h('div', {},
    content.sides.length > 1 ? h('div', { class: 'choices' }, choice(t('choose.scenario'), content.sides.map((one, at) => [at, one.label]), state.side, (at) => { state.side = Number(at); redraw('travel'); }, 'hours-side')) : null,
    chart('chart-hours', `${t('chart.hours')}: ${side.label}, ${population(side.hours[state.population] ? state.population : 'everyone')}`, 320, {
      legend: {}, grid: { top: window.innerWidth < 600 ? 96 : 56, left: 64 },
      xAxis: { type: 'category', data: hour, name: t('axis.hour') }, yAxis: { type: 'value', name: t('axis.trips'), nameGap: 48 },
      series: names.map((name) => ({ name: mode(name), type: 'bar', stack: 'all', barCategoryGap: '12%', itemStyle: { color: modeColour(name, names) }, data: hour.map((at) => by[name][at] ?? 0) })),
    },
    [{ title: t('col.hour') }, ...names.map((name) => ({ title: mode(name), number: true }))],
    hour.map((at) => [String(at), ...names.map((name) => number(by[name][at] ?? 0))])));
}

function substitution(content, pair) {
  const { modes, counts, trips } = pair.substitution;
  const order = inStack(modes.filter((name) => name !== 'none')).concat('none');
  const at = (name) => modes.indexOf(name);
  const rows = order.filter((name) => counts[at(name)].some(Boolean));
  const columns = order.filter((name) => counts.some((row) => row[at(name)]));
  const same = counts.reduce((sum, row, place) => sum + row[place], 0);
  const changed = Math.max(1, ...rows.flatMap((from) => columns.map((to) => (from === to ? 0 : counts[at(from)][at(to)]))));
  const names = { a: content.sides[pair.a].label, b: content.sides[pair.b].label };
  const cell = (from, to) => {
    const count = counts[at(from)][at(to)];
    if (from === to) return h('span', { class: 'same' }, number(count));
    return h('span', { class: 'heat', style: { background: `rgba(11, 111, 184, ${(0.55 * count) / changed})` } }, number(count));
  };
  return h('figure', { class: 'chart', id: `substitution-${pair.b}` }, h('figcaption', {}, `${t('chart.substitution')}: ${names.b}`),
    h('p', {}, t('travel.unchanged', { n: number(same), trips: number(trips), ...names })),
    table(`${t('chart.substitution')}: ${names.b}`, [{ title: `${t('col.from')} ↓ · ${t('col.to')} →` }, ...columns.map((name) => ({ title: mode(name), number: true }))], rows.map((from) => [mode(from), ...columns.map((to) => cell(from, to))]), { class: 'matrix' }));
}
