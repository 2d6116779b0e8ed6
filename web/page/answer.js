// The right side: contradictions, what supply costs, and the answer.
import { h, more, table } from '../src/page.js';
import { serviceName } from './change.js';
import { apart, city, named, stopped } from './deciding.js';
import { change, euros, figure, has, number, size, t, told } from './speech.js';

export function checks(state) {
  const { faults, notices } = state.view;
  return h('div', { id: 'checks', 'aria-live': 'polite' },
    faults.length ? h('div', { class: 'fault' }, h('h3', {}, t('faults')), h('ul', {}, faults.map((fault) => h('li', {}, told(fault.texts))))) : null,
    notices.length ? h('div', { class: 'notice' }, h('h3', {}, t('notices')), h('ul', {}, notices.map((notice) => h('li', {}, told(notice))))) : null,
    faults.length || notices.length ? null : h('p', { class: 'small' }, t('checked')));
}

const UNIT = { lap_min: 'min', lap_km: 'km', vehicle_hours: 'h', vehicle_km: 'km', crew_hours: 'h' };

export function supply(state) {
  const services = Object.entries(state.preview ?? state.view.supply ?? {});
  return h('section', { id: 'supply', 'aria-labelledby': 'supply-title' }, h('h2', { id: 'supply-title' }, t('supply')),
    h('p', { class: 'small' }, services.length ? t('supply.lead') : t('supply.none')), services.map(([name, of]) => {
      const form = state.view.forms.find((one) => one.service === name);
      const run = state.answer?.revenue.find((row) => row.id === `${name}.revenue_eur`);
      const rows = [
        ...Object.entries(of.figures).map(([key, value]) => [t(`supply.${key}`), `${number(value)} ${UNIT[key] ?? ''}`]),
        ...Object.entries(of.cost_eur).map(([key, value]) => [t(`supply.${key}`), euros(value)]),
      ];
      const revenue = of.revenue_eur && t('supply.revenue.range', { least: euros(of.revenue_eur[0]), most: euros(of.revenue_eur[1]), basis: form ? t(`rides.${form.kind}`) : '' });
      return h('div', { class: 'supplied' }, h('h3', {}, form ? serviceName(form) : name),
        h('p', {}, t('supply.total'), ' ', h('data', { class: 'big', id: `total-${name}`, value: of.total_eur }, euros(of.total_eur))),
        h('dl', {}, rows.flatMap(([term, value]) => [h('dt', {}, term), h('dd', {}, value)])),
        revenue ? h('p', { class: 'small' }, t('supply.revenue'), ': ', run ? t('supply.run', { value: euros(run.mean_b ?? run.difference) }) : revenue) : null);
    }));
}

function sentence(row) {
  const what = named(row.id);
  if (row.verdict === 'no change') return t('answer.same', { what });
  if (row.low === null) return t('answer.oneday', { what, by: change(row.difference, row.unit) });
  if (row.verdict === 'cannot tell') return t('answer.cannot', { what });
  return t(row.difference > 0 ? 'answer.rises' : 'answer.falls', { what, by: size(row.difference, row.unit) });
}

function intervals(row) {
  if (row.low === null) return t('interval.none');
  const of = (key, low, high) => t(key, { low: change(low, row.unit), high: change(high, row.unit) });
  const chance = row.chance_low === null ? null : of('interval.chance', row.chance_low, row.chance_high);
  const inputs = row.inputs_low === null ? t('interval.fixed') : of('interval.inputs', row.inputs_low, row.inputs_high);
  return [of('interval', row.low, row.high), chance, inputs].filter(Boolean).join('; ');
}

export function answer(state, act) {
  const { answer: found } = state;
  const head = h('h2', { id: 'answer-title' }, t('answer'));
  if (!found) return h('section', { id: 'answer', 'aria-labelledby': 'answer-title' }, head, h('p', { class: 'small' }, t('answer.none')));
  return h('section', { id: 'answer', 'aria-labelledby': 'answer-title', 'aria-live': 'polite' }, head,
    h('p', { class: 'small' }, `${found.b} / ${found.a}, ${t(found.pairs === 1 ? 'day' : 'days', { n: found.pairs })}`),
    h('p', { class: 'sentence', id: 'sentence' }, sentence(found.figures[0])),
    stopped(found), city(found),
    h('dl', { class: 'figures' }, found.figures.slice(0, 4).flatMap((row) => [
      h('dt', {}, named(row.id)),
      h('dd', {}, h('data', { class: 'big', value: row.difference }, change(row.difference, row.unit)),
        row.mean_a !== null && row.mean_b !== null ? h('span', { class: 'small' }, ` ${t('answer.levels', { a: figure(row.mean_a, row.unit), b: figure(row.mean_b, row.unit) })}`) : null,
        h('span', { class: 'small block' }, intervals(row)))])),
    found.rides.length ? h('p', {}, `${t('rides')}: `, found.rides.map((row, at) => [at ? ', ' : '', h('span', {}, `${row.id.split('.')[0].replaceAll('_', ' ')} `), h('data', { value: row.difference }, number(row.difference, 0))])) : null,
    found.warnings.length ? h('div', { class: 'notice' }, h('ul', {}, found.warnings.map((words) => h('li', {}, told(words))))) : null,
    found.gains.length ? [h('h3', {}, t('gains')), table(t('gains'), [{ title: t('gains.group') }, { title: t('gains.eur'), number: true }],
      found.gains.map((row) => [group(row.group), row.low === null ? change(row.difference, 'EUR') : `${change(row.difference, 'EUR')} (${change(row.low, 'EUR')} – ${change(row.high, 'EUR')})`])), h('p', { class: 'small' }, t('gains.alone'))] : null,
    apart(found, state, act),
    more(t('notes'), h('ul', { lang: 'en' }, found.notes.map((note) => h('li', { class: 'small' }, note)))),
    h('p', { class: 'small' }, `${t('fingerprint')}: `, h('code', { id: 'fingerprint' }, found.fingerprint)));
}
const HOME = /^home_(\d+)_(?:(\d+)_m|m_up)$/;
const group = (key) => (HOME.test(key) ? t('group.home', { least: HOME.exec(key)[1], most: HOME.exec(key)[2] ?? '' }) : has(`group.${key}`) ? t(`group.${key}`) : key.replaceAll('_', ' '));

export function compared(rows) {
  const ids = rows[0].figures.map((row) => row.id);
  return h('section', { id: 'compared', 'aria-labelledby': 'compared-title' }, h('h2', { id: 'compared-title', tabindex: '-1' }, t('compare.head')),
    table(t('compare.head'), [{ title: t('runs') }, ...ids.map((id) => ({ title: named(id), number: true }))],
      rows.map((one) => [`${one.title} (${one.id})`, ...ids.map((id) => {
        const row = one.figures.find((other) => other.id === id);
        return row ? h('span', {}, change(row.difference, row.unit), row.low === null ? null : h('span', { class: 'small block' }, `${change(row.low, row.unit)} – ${change(row.high, row.unit)}`)) : '–';
      })])));
}
