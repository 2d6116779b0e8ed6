// What happened that day: weather, closures and failures with their hours, runs that were cut or cancelled.
import { allServices, dataText } from '../figures.js';
import { h, section } from '../page.js';
import { apart, clock, named, number, percent, service, t } from '../words.js';

const MOST_LINES = 12;
export const topicName = (topic) => named(`topic.${topic}`, topic.replaceAll('_', ' '));

export function happened(content, state) {
  const several = content.sides.length > 1;
  return section('happened', t('part.happened'), h('p', { class: 'lead' }, t('happened.lead')),
    content.sides.map((side, at) => [several ? h('h3', {}, side.label) : null, side.runs.length > 1 ? h('p', { class: 'small' }, t('happened.first', { seed: side.runs[0].seed, day: side.runs[0].day ?? 0 })) : null, h('ul', { class: 'happened' }, lines(content, at, state))]));
}

function lines(content, at, state) {
  const { weather, kept_in: keptIn, facts, late, cut } = content.sides[at].happened;
  const services = allServices(content);
  const items = [];
  if (weather) items.push(h('li', {}, h('strong', {}, t('happened.weather')), ` ${weatherText(weather)} `, dataText(weather.basis ?? '', { class: 'small' })));
  for (const [name, part] of keptIn) items.push(h('li', { class: 'grave' }, t('happened.keptin', { service: service(name, services), share: percent(part, 0) })));
  for (const [from, until, topic, text] of facts) {
    items.push(h('li', { class: 'grave' }, moment(from, at, state), until === null ? '' : ['–', moment(until, at, state)], ' ', h('strong', {}, topicName(topic)), ': ', dataText(text)));
  }
  if (!facts.length && !keptIn.length) items.push(h('li', {}, t('happened.nothing')));
  for (const [name, line, end, runs, first, last] of cut.slice(0, MOST_LINES)) {
    items.push(h('li', {}, moment(first, at, state), first === last ? '' : ['–', moment(last, at, state)], ' ', t('happened.cut', { service: service(name, services), line, n: number(runs), why: named(`ended.${end}`, end.replaceAll('_', ' ')) })));
  }
  if (cut.length > MOST_LINES) items.push(h('li', {}, t('story.more', { n: cut.length - MOST_LINES })));
  if (late) items.push(h('li', {}, t('happened.late', { n: number(late) })));
  return items;
}
const moment = (seconds, at, state) => h('button', { type: 'button', class: 'moment', onclick: () => state.jump(at, seconds) }, clock(seconds));

function weatherText(weather) {
  const parts = [named(`weather.${weather.day}`, apart(String(weather.day).replaceAll('_', ' '))), t('weather.degrees', { n: number(weather.temperature_c, 1) })];
  if (weather.snow_cm_h) parts.push(t('weather.snow', { n: number(weather.snow_cm_h) }));
  if (weather.slippery) parts.push(t('weather.slippery'));
  parts.push(t(weather.effects ? 'weather.effects' : 'weather.none', { n: weather.effects }));
  return `${parts.join(', ')}.`;
}
