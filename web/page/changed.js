// What changed by place: the question minus its reference, with what may be chance marked as such.
import { choice, h, table } from '../src/page.js';
import { mode } from '../src/words.js';
import { beyond, placeName } from './happened.js';
import { nonzero, number, t, unit } from './speech.js';

const SURE = ['higher', 'lower'];
const SAME = 'no change';
const RADIUS_PX = { strong: 19, weak: 15, chance: 14, same: 9, few: 6 };
const LARGE = 10;
// Levels of time are in minutes, differences in seconds: these are small.
const digitsOf = (value) => (Math.abs(value) >= LARGE ? 0 : 1);

const measureOf = (look) => look.changed.measures.find(({ id }) => id === look.measure);
const nameOf = ({ id }) => (id.startsWith('trips.') ? t('measure.trips', { mode: mode(id.slice(6)) }) : t(`measure.${id}`));
const isTime = (measure) => measure.unit === 's';
const unitOf = (measure) => (isTime(measure) ? unit('s') : t('perday'));
const shown = (value, measure) => (value === null ? '–' : isTime(measure) ? number(value / 60, 2) : nonzero(value, 1));
const signed = (value) => (value === null ? '–' : `${!value ? '±' : value < 0 ? '−' : '+'}${nonzero(Math.abs(value), digitsOf(value))}`);

// Half of the largest clear difference, on one figure: what is more is drawn stronger.
function halfOf(measure) {
  const sizes = measure.places.filter(({ row }) => row && SURE.includes(row.verdict)).map(({ row }) => Math.abs(row.difference));
  const half = Math.max(...sizes, 0) / 2;
  const step = 10 ** Math.floor(Math.log10(half || 1));
  return Math.round(half / step) * step;
}
function kindOf({ row }, measure, half) {
  if (!row) return ['few', ''];
  if (row.verdict === SAME) return ['same', ''];
  if (!SURE.includes(row.verdict)) return ['chance', ''];
  const size = Math.abs(row.difference) > half ? 'strong' : 'weak';
  return [size, row.difference > 0 ? 'up' : 'down'];
}

export function differenceCircles(look) {
  const measure = measureOf(look);
  if (!measure) return [];
  const half = halfOf(measure);
  return measure.places.filter(({ spot }) => spot).map((place) => {
    const [size, way] = kindOf(place, measure, half);
    return { name: place.name, title: placeName(place.name), lon: place.spot[0], lat: place.spot[1], radius: RADIUS_PX[size], kind: way ? `${way}-${size}` : size, text: place.row ? (size === 'same' ? '0' : signed(place.row.difference)) : '' };
  });
}

export function changed(state, act) {
  const { look } = state;
  const { pairs, measures } = look.changed;
  const measure = measureOf(look);
  const head = h('h2', { id: 'changed-title' }, t('changed'));
  if (!measure) return h('section', { id: 'changed', 'aria-labelledby': 'changed-title' }, head, h('p', {}, t('changed.none')));
  const { a, b } = state.answer;
  return h('section', { id: 'changed', 'aria-labelledby': 'changed-title' }, head,
    h('div', { class: 'choices' }, choice(t('changed.measure'), measures.map((one) => [one.id, nameOf(one)]), look.measure, act.measure, 'measure')),
    h('p', { class: 'small' }, t(pairs > 1 ? 'changed.lead' : 'changed.lead.day', { a, b, n: pairs })),
    legend(measure, halfOf(measure)), beyond(measure.places, state), numbers(measure), h('p', { class: 'small' }, t('changed.corrected', { n: measure.places.filter(({ row }) => row).length })));
}

function legend(measure, half) {
  const of = unitOf(measure);
  const x = `${nonzero(half, digitsOf(half))} ${of}`;
  const entry = (kind, sign, words) => h('li', {}, h('span', { class: `swatch ${kind}`, 'aria-hidden': 'true' }, sign), ` ${words}`);
  const steps = half ? [entry('down-strong', '−', t('legend.down.strong', { x })), entry('down-weak', '−', t('legend.down.weak', { x })), entry('up-weak', '+', t('legend.up.weak', { x })), entry('up-strong', '+', t('legend.up.strong', { x }))] : [];
  return h('ul', { class: 'legend', 'aria-label': t('legend', { unit: of }) }, steps, entry('chance', '±', t('legend.chance')), entry('same', '0', t('sure.same')), entry('few', '', t('legend.few', { n: number(measure.least, 0) })));
}

function numbers(measure) {
  const rows = [...measure.places].sort((one, other) => Math.abs(other.row?.difference ?? 0) - Math.abs(one.row?.difference ?? 0) || one.name.localeCompare(other.name));
  const low = ({ row }) => row.corrected_low ?? row.low;
  const high = ({ row }) => row.corrected_high ?? row.high;
  const sure = ({ row }) => (SURE.includes(row.verdict) ? t('sure.yes') : row.verdict === SAME ? t('sure.same') : t('sure.chance'));
  const [level, of] = [isTime(measure) ? unit('min') : t('perday'), unitOf(measure)];
  return table(nameOf(measure), [{ title: t('place') }, { title: `${t('col.before')}, ${level}`, number: true }, { title: `${t('col.after')}, ${level}`, number: true }, { title: `${t('col.change')}, ${of}`, number: true }, { title: `${t('col.interval')}, ${of}`, number: true }, { title: t('col.sure') }],
    rows.map((one) => (one.row
      ? [placeName(one.name), shown(one.row.mean_a, measure), shown(one.row.mean_b, measure), signed(one.row.difference), low(one) === null || one.row.verdict === SAME ? '–' : `${signed(low(one))} … ${signed(high(one))}`, sure(one)]
      : [placeName(one.name), '–', '–', '–', '–', t('sure.few')])), { id: 'changed-numbers' });
}
