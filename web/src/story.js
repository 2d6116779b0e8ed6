// What one person or vehicle lived through that day, in words.
import { IN_A_VAN, LEG } from './day.js';
import { h } from './page.js';
import { clock, mode, named, number, reason, service, t } from './words.js';

const MOST_CALLS = 60;
const round = (seconds) => number(Math.max(seconds > 15 ? 1 : 0, Math.round(seconds / 60)), 0);

export function story(thing, day, area, jump) {
  return thing.kind === 'person' ? ofPerson(thing.person, day, area, jump) : ofVehicle(thing, day, jump);
}
const moment = (seconds, jump) => h('button', { type: 'button', class: 'moment', onclick: () => jump(seconds) }, clock(seconds));

function ofPerson([id, age, population, cars, trips, refusals], day, area, jump) {
  const words = day.side.map.people;
  const who = t('story.person', { population: named(`population.${words.population[population]}`, words.population[population]), age, cars: t(cars ? 'story.car' : 'story.nocar') });
  const items = trips.map(([begin, end, purpose, chain, outcome, from, to, legs]) => {
    const name = words.outcome[outcome];
    const ending = name === 'arrived' ? t('story.arrived', { n: round(end - begin) }) : t(`story.${name}`, { n: round(end - begin) });
    const refused = refusals.filter((one) => one[0] >= begin && one[0] <= end + 1);
    return h('li', {}, h('strong', {}, moment(begin, jump), ' ', t('story.trip', { from: nameOf(day, from), to: nameOf(day, to) })),
      h('div', { class: 'small' }, `${named(`purpose.${words.purpose[purpose]}`, words.purpose[purpose])} · ${chainName(words.chain[chain], day)} · ${ending}`),
      h('ul', {}, refused.map((one) => h('li', { class: 'refused' }, moment(one[0], jump), ' ', one[1] < 0 ? t('story.allrefused', { reason: reason(words.reason[one[2]]) }) : t('story.refused', { service: service(day.services[one[1]], day.side.services), reason: reason(words.reason[one[2]]) }))),
        legs.map((leg) => h('li', {}, legText(leg, day)))));
  });
  return h('div', {}, h('h4', {}, `${t('kind.person')} ${id}`), h('p', {}, who), h('ol', { class: 'trips' }, items));
}

function legText(leg, day) {
  const name = day.services[leg[LEG.service]];
  const parts = [['story.walk', leg[LEG.walk_s]], ['story.wait', leg[LEG.wait_s]], ['story.ride', leg[LEG.ride_s]]].filter(([, seconds]) => seconds >= 30).map(([key, seconds]) => t(key, { n: round(seconds) }));
  const km = t('story.km', { n: number((leg[LEG.walk_m] + leg[LEG.ride_m]) / 1000, 1) });
  const fare = leg[LEG.fare] ? `, ${number(leg[LEG.fare] / 100, 2)} €` : '';
  const vehicle = leg[LEG.vehicle] >= 0 ? ` ${leg[LEG.vehicle]}` : '';
  return `${service(name, day.side.services)}${vehicle}: ${[...parts, km].join(', ')}${fare}`;
}
const chainName = (chain, day) => (chain ? chain.split('+').map((name) => service(name, day.side.services)).join(' + ') : '–');

function ofVehicle(thing, day, jump) {
  const told = thing.vehicle;
  const title = h('h4', {}, `${named(`kind.${thing.kind}`, service(thing.service, day.side.services))} ${told.id}`);
  const lines = thing.free ? rides(thing, day, jump) : thing.kind === 'van' ? works(told, day, jump) : calls(told, day, jump);
  const shown = lines.slice(0, MOST_CALLS);
  const rest = lines.length - shown.length;
  const first = thing.stays ? h('p', {}, `${t('story.began', { name: nameOf(day, told.at) })}${thing.free && told.calls[0][5] >= 0 ? `, ${t('story.charge', { n: told.calls[0][5] })}` : ''}`) : null;
  return h('div', {}, title, first, lines.length ? h('ol', { class: 'calls' }, shown) : h('p', {}, t('story.stood', { name: nameOf(day, told.at) })), rest ? h('p', { class: 'small' }, t('story.more', { n: rest })) : null);
}
function rides(thing, day, jump) {
  const lines = [];
  for (let at = 0; at < thing.count; at += 1) {
    const way = day.ways[Math.abs(thing.way[at]) - 1];
    if (!way) continue;
    if (thing.load[at] <= IN_A_VAN) {
      lines.push(h('li', {}, moment(thing.from[at], jump), ' ', t('story.invan')));
      continue;
    }
    lines.push(h('li', {}, moment(thing.from[at], jump), ' ', `${mode(thing.mode)}, ${t('story.ride', { n: round(thing.to[at] - thing.from[at]) })}${thing.load[at] >= 0 ? `, ${t('story.charge', { n: thing.load[at] })}` : ''}`));
  }
  return lines;
}
function works(told, day, jump) {
  return told.calls.map(([time, row, swapped, taken, put, missed, aboard]) => {
    const done = [['story.swapped', swapped], ['story.taken', taken], ['story.put', put], ['story.notfound', missed]].filter(([, n]) => n).map(([key, n]) => t(key, { n }));
    return h('li', {}, moment(time, jump), ' ', `${nameOf(day, row)}${done.length ? `: ${done.join(', ')}` : ''} · ${t('story.invans', { n: aboard })}`);
  });
}
function calls(told, day, jump) {
  return told.calls.map(([time, row, on, off, left, aboard]) => h('li', {}, moment(time, jump), ' ', t('story.call', { name: nameOf(day, row), on, off, aboard: told.places ? `${aboard}/${told.places}` : aboard }), left ? h('strong', {}, ` · ${t('story.left', { n: left })}`) : null));
}

// A place in words: its own name, or the nearest named one.
export function nameOf(day, row) {
  day.names ??= new Map(day.side.map.stops.map(([place, name]) => [place, name]));
  if (day.names.has(row)) return day.names.get(row);
  const [x, y] = day.geometry.planeOfPlace[row];
  let best = '';
  let least = Infinity;
  for (const [place, name] of day.names) {
    const [px, py] = day.geometry.planeOfPlace[place];
    const far = Math.hypot(px - x, py - y);
    if (far < least) [best, least] = [name, far];
  }
  return best ? t('story.near', { name: best }) : String(row);
}
