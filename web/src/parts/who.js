// Who gains and who loses: groups of people by age, car and home, side by side.
import { chart } from '../charts.js';
import { moreTable } from '../figures.js';
import { SIDE_COLOUR } from '../look.js';
import { h, section, table } from '../page.js';
import { bare, change, fromData, interval, named, number, t } from '../words.js';

const AGES = [7, 18, 30, 45, 65];

export function groupName(name) {
  const [kind, ...rest] = name.split('.');
  const word = rest.join('.');
  if (kind === 'age') {
    const next = AGES[AGES.indexOf(Number(word)) + 1];
    return next ? t('who.age', { from: word, to: next - 1 }) : t('who.ageup', { from: word });
  }
  if (kind === 'car') return t(`who.car${word}`);
  if (kind === 'zone') return t('who.zone', { name: fromData(word, true) });
  return named(`populations.${word}`, word);
}

// The unit stands in the heading, so that the table fits: per cent and points, minutes.
const HEAD = { trips: '', sustainable_share: ', %', unserved_share: ', %' };
const heading = (measure) => `${t(`measure.${measure}`)}${HEAD[measure] ?? `, ${t('unit.min')}`}`;
const written = { trips: (value) => number(value, 0), sustainable_share: (value) => number(value * 100, 1), unserved_share: (value) => number(value * 100, 2), door_to_door_s: (value) => number(value / 60, 1), wait_s: (value) => number(value / 60, 1), walk_s: (value) => number(value / 60, 1) };
const UNIT = { sustainable_share: 'share of trips', unserved_share: 'share of trips', door_to_door_s: 's', wait_s: 's', walk_s: 's', trips: 'trips' };

// Groups by the first measure that the comparison has; the populations by all of them.
function mainBenefit(pair) {
  const first = pair.more.find((row) => row.section === 'benefit')?.id.split('@')[0];
  return (row) => !row.id.includes('@') && (row.id.split('.').length < 3 || row.id.startsWith(`${first}.`));
}

export function who(content) {
  const names = [...new Set(content.sides.flatMap((side) => Object.keys(side.groups)))].filter((name) => content.sides.some((side) => side.groups[name]?.[0]  >= 100));
  const share = content.measures.indexOf('sustainable_share');
  const runs = Math.max(...content.sides.map((side) => side.runs.length));
  const wide = window.innerWidth >= 600;
  const several = content.sides.length > 1;
  const columns = [{ title: t('col.group') }];
  for (const measure of content.measures) {
    content.sides.forEach((side, at) => {
      if (at && measure === 'trips') return;
      columns.push({ title: at ? (content.sides.length > 2 ? `Δ ${side.label}` : 'Δ') : heading(measure), number: true });
    });
  }
  const rows = names.map((name) => [groupName(name), ...content.measures.flatMap((measure, place) => content.sides.flatMap((side, at) => {
    if (at && measure === 'trips') return [];
    const now = side.groups[name]?.[place] ?? null;
    if (now === null) return ['–'];
    if (!at) return [written[measure](now)];
    const found = content.differences.find((pair) => pair.b === at)?.groups?.[name]?.[place];
    if (!found) return ['–'];
    const [gain, low, high] = found;
    return [h('span', {}, bare(change(gain, UNIT[measure])), low === null || low === high ? null : h('span', { class: 'range under' }, interval(low, high, UNIT[measure], (end, unit, digits) => bare(change(end, unit, digits)))))];
  }))]);
  return section('who', t('part.who'), h('p', { class: 'lead' }, t('who.lead'), runs > 1 ? ` ${t('who.mean', { n: runs })}` : '', ` ${t('who.note')}`),
    chart('chart-who', t('chart.who'), 80 + names.length * (14 + 13 * content.sides.length), {
      legend: several ? {} : false, grid: { left: wide ? 250 : 150, right: 50, top: several ? 34 : 10, bottom: 44 },
      xAxis: { type: 'value', max: 100, name: t('axis.share') }, yAxis: { type: 'category', inverse: true, data: names.map(groupName), axisLabel: { width: wide ? 236 : 138, overflow: 'break' } },
      tooltip: { valueFormatter: (value) => `${number(value, 1)} %` },
      series: content.sides.map((side, at) => ({ name: side.label, type: 'bar', barMaxWidth: 13, itemStyle: { color: SIDE_COLOUR[at] }, data: names.map((name) => (side.groups[name]?.[share] ?? 0) * 100), label: { show: true, position: 'right', formatter: ({ value }) => `${number(value, 1)}` } })),
    }, columns, rows),
    table(t('part.who'), columns, rows, { class: 'groups' }),
    content.differences.map((pair) => moreTable(content, pair, 'benefit', mainBenefit(pair))),
    content.differences.some((pair) => pair.more.length) ? h('p', { class: 'small' }, t('who.more')) : null);
}
