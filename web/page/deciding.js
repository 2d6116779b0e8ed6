// What belongs to an answer beside its figures: why it stopped, the city's thresholds, and which change did it.
import { h, table } from '../src/page.js';
import { change, has, language, number, size, t, time } from './speech.js';

export const named = (id) => (has(`fig.${id}`) ? t(`fig.${id}`) : id);

export function stopped(answer) {
  const { stopped: of } = answer;
  if (!of?.stopped || of.target === null) return null;
  const half = of.half_width === null ? '–' : `±${size(of.half_width, of.unit)}`;
  const values = { what: named(of.figure), n: of.seeds, half, target: `±${size(of.target, of.unit)}`, level: number(100 * of.level, 2) };
  return h('p', { id: 'stopped', 'data-stopped': of.stopped }, t(`stopped.${of.stopped}`, values), ' ', h('span', { class: 'small' }, of.stopped === 'same' ? '' : t('stopped.level', values)));
}

export function city(answer) {
  if (!answer.city.length) return null;
  const says = (answers) => (answers === null ? t('interval.none') : answers.length === 1 ? t(`city.${answers[0]}`) : t('city.open', { answers: answers.map((one) => t(`city.${one}`)).join(' / ') }));
  return [h('h3', {}, t('city')), h('ul', { id: 'city' }, answer.city.map((row) => {
    const sign = row.go > row.stop ? ['≥', '≤'] : ['≤', '≥'];
    const limits = { go: `${sign[0]} ${change(row.go, row.unit)}`, stop: `${sign[1]} ${change(row.stop, row.unit)}` };
    return h('li', { 'data-threshold': row.id }, `${named(row.id)}: ${effect(row)}. ${t('city.limits', limits)} `, h('strong', {}, says(row.answers)));
  }))];
}

const effect = (row) => (row.low === null ? change(row.difference, row.unit) : `${change(row.difference, row.unit)} (${change(row.low, row.unit)} – ${change(row.high, row.unit)})`);
const titled = (part) => (part.service ? part.title || (part.kind ? t(`kind.${part.kind}`) : part.service) : part.label[language()] ?? part.name);

export function apart(answer, state, act) {
  const waiting = state.runs.find((run) => run.of === answer.id && (run.state === 'queued' || run.state === 'running'));
  if (!answer.parts && answer.separable.length < 2) return null;
  return h('div', { id: 'apart' }, h('h3', {}, t('apart')), answer.parts ? lost(answer.parts) : offered(answer, state, act, waiting));
}

// What a day took in the latest run of this library that lived one.
export const daySeconds = (state) => state.runs.filter((run) => run.day_s > 0).sort((a, b) => b.number - a.number)[0]?.day_s;
export const measured = (state) => h('p', { class: 'small', id: 'day-time' }, daySeconds(state) ? t('run.time', { time: time(daySeconds(state)) }) : t('run.untimed'));

function offered(answer, state, act, waiting) {
  const days = (answer.separable.length + 2) * answer.days_apart;
  const seconds = daySeconds(state);
  return [h('p', { class: 'small' }, t('apart.offer', { what: answer.separable.map(titled).join('; ') }), ' ', t('apart.days', { n: days }), seconds ? `, ${t('apart.time', { time: time(days * seconds) })}` : '', '.'),
    h('button', { id: 'apart-go', disabled: !state.planner || Boolean(waiting), onclick: () => act.apart(answer.id) }, t('apart.go')),
    waiting ? h('p', { class: 'small' }, `${t(`state.${waiting.state}`)}`) : null];
}

function lost(parts) {
  return [h('p', { class: 'small' }, t('apart.lead', { n: parts.days })),
    parts.changes.map((part) => h('div', { 'data-without': part.name }, h('h4', {}, t('apart.without', { what: titled(part) })),
      table(t('apart.without', { what: titled(part) }), [{ title: t('run.figure') }, { title: t('apart.change'), number: true }],
        part.rows.map((row) => [named(row.id), h('span', {}, effect(row), row.verdict === 'cannot tell' ? h('span', { class: 'small block' }, t('apart.cannot')) : null)])))),
    parts.refused.length ? h('ul', {}, parts.refused.map((part) => h('li', { class: 'small' }, t('apart.refused', { what: titled(part) }), ' ', h('span', { lang: 'en' }, part.why)))) : null];
}
