// One scenario's day as things that move: each has stretches in the order of time, and stands still in between.
import { BEYOND, pointAt } from './geometry.js';

export const WALKING = 0;
export const WAITING = 1;
export const IN_A_VAN = -2; // a load from here down: carried by a van, the charge is this less the load
const SPAN_S = 60;
const LINGER_S = 45; // a train that has ended its run is shown this long
const LEG = { begin: 0, service: 1, walk_s: 2, wait_s: 3, ride_s: 4, walk_m: 5, ride_m: 6, fare: 7, vehicle: 8, ways: 9 };

export class Day {
  constructor(side, geometry) {
    this.side = side;
    this.geometry = geometry;
    this.ways = side.map.ways;
    this.shapes = new Map();
    this.services = Object.keys(side.services);
    this.modes = side.modes;
    this.vehicles = side.map.vehicles.map((told) => this.vehicle(told));
    this.people = side.map.people.rows.map((row) => this.person(row));
    this.begin = 86400;
    this.end = 0;
    for (const thing of [...this.vehicles, ...this.people]) {
      if (!thing.count) continue;
      this.begin = Math.min(this.begin, thing.from[0]);
      this.end = Math.max(this.end, thing.to[thing.count - 1]);
    }
    this.begin = Math.max(0, Math.floor(this.begin / 1800) * 1800);
    this.end = Math.ceil(this.end / 1800) * 1800;
  }

  shape(way) {
    const index = Math.abs(way) - 1;
    let shape = this.shapes.get(index);
    if (!shape) this.shapes.set(index, (shape = this.geometry.shape(this.ways[index])));
    return shape;
  }

  vehicle(told) {
    const count = told.s.length / 4;
    // A free vehicle stands until somebody rides it; one with a driver stands where it was left; both all day.
    const thing = { kind: told.kind, vehicle: told, service: told.service, mode: this.side.services[told.service].mode, places: told.places, free: told.shown === 'free', stays: told.shown !== 'called', ...empty(count) };
    for (let at = 0; at < count; at += 1) {
      thing.way[at] = told.s[4 * at];
      thing.from[at] = told.s[4 * at + 1];
      thing.to[at] = told.s[4 * at + 2];
      thing.load[at] = told.s[4 * at + 3];
    }
    return thing;
  }

  person(row) {
    const steps = [];
    for (const trip of row[4]) {
      for (const leg of trip[7]) this.leg(leg, trip, steps);
    }
    const thing = { kind: 'person', person: row, ...empty(steps.length) };
    steps.forEach(([way, from, to, load], at) => {
      thing.way[at] = way;
      thing.from[at] = from;
      thing.to[at] = to;
      thing.load[at] = load;
    });
    return thing;
  }

  // Who rides in a vehicle that is drawn is not drawn beside it: occupancy says how many ride.
  leg(leg, trip, steps) {
    const service = this.side.services[this.services[leg[LEG.service]]];
    const mode = this.modes.indexOf(service.mode);
    const ways = leg.slice(LEG.ways);
    let now = leg[LEG.begin];
    const add = (way, seconds, load) => {
      if (seconds > 0 && way) steps.push([way, now, now + seconds, load]);
      now += seconds;
    };
    if (service.mode === 'walk') {
      add(ways[0], leg[LEG.walk_s], this.modes.indexOf('walk'));
      return;
    }
    if (!ways.length) return;
    const [before, ride, after] = ways;
    const first = before ? this.length(before) : 0;
    const last = after ? this.length(after) : 0;
    const access = first + last > 0 ? (leg[LEG.walk_s] * first) / (first + last) : leg[LEG.walk_s];
    add(before, access, this.modes.indexOf('walk'));
    now += leg[LEG.wait_s];
    if (leg[LEG.vehicle] < 0) add(ride, leg[LEG.ride_s], mode);
    else now += leg[LEG.ride_s];
    add(after, leg[LEG.walk_s] - access, this.modes.indexOf('walk'));
  }

  length(way) {
    const { upto } = this.shape(way);
    return upto[upto.length - 1] || 0;
  }

  // Where a thing is: writes x, y into `out`; returns the stretch (negative - 1 where it stands after one), or null.
  where(thing, time, out) {
    let at = thing.at;
    const { from, to, way, count } = thing;
    if (at >= count || (at >= 0 && from[at] > time)) at = find(from, count, time);
    while (at + 1 < count && from[at + 1] <= time) at += 1;
    thing.at = at;
    if (at < 0) {
      if (!thing.stays) return null;
      const [x, y] = this.geometry.planeOfPlace[thing.vehicle.at];
      out[0] = x;
      out[1] = y;
      return 'still';
    }
    const moving = time < to[at];
    if (!moving && thing.kind === 'person') return null;
    if (!moving && !thing.stays && at === count - 1 && time > to[at] + LINGER_S) return null;
    const part = moving ? (time - from[at]) / (to[at] - from[at]) : 1;
    if (way[at] === 0) return null;
    if (moving && thing.free && thing.load[at] <= IN_A_VAN) return null;
    pointAt(this.shape(way[at]), way[at] > 0 ? part : 1 - part, out);
    return moving ? 'moving' : 'still';
  }

  loadOf(thing) {
    if (thing.at < 0) return thing.free ? thing.vehicle.calls[0][5] : 0;
    const load = thing.load[thing.at];
    return thing.free && load <= IN_A_VAN ? IN_A_VAN - load : load;
  }

  // People with a stretch in the span of time around a moment: the rest need not be looked at.
  underWay(time) {
    this.spans ??= this.fillSpans();
    const { starts, rows } = this.spans;
    const span = Math.min(Math.max(Math.floor(time / SPAN_S), 0), starts.length - 2);
    return rows.subarray(starts[span], starts[span + 1]);
  }

  fillSpans() {
    const lists = Array.from({ length: Math.ceil(this.end / SPAN_S) + 1 }, () => []);
    this.people.forEach((thing, row) => {
      let last = -1;
      for (let at = 0; at < thing.count; at += 1) {
        const until = Math.min(Math.floor(thing.to[at] / SPAN_S), lists.length - 1);
        for (let span = Math.max(Math.floor(thing.from[at] / SPAN_S), last + 1); span <= until; span += 1) {
          lists[span].push(row);
          last = span;
        }
      }
    });
    const starts = new Int32Array(lists.length + 1);
    lists.forEach((list, span) => { starts[span + 1] = starts[span] + list.length; });
    return { starts, rows: Int32Array.from(lists.flat()) };
  }

  movingAt(time) {
    let moving = 0;
    for (const thing of [...this.people, ...this.vehicles]) {
      const at = find(thing.from, thing.count, time);
      if (at >= 0 && time < thing.to[at]) moving += 1;
    }
    return moving;
  }

  busiest() {
    const change = new Int32Array(Math.ceil(this.end / 60) + 2);
    for (const thing of [...this.people, ...this.vehicles]) {
      for (let at = 0; at < thing.count; at += 1) {
        change[Math.floor(thing.from[at] / 60)] += 1;
        change[Math.floor(thing.to[at] / 60)] -= 1;
      }
    }
    let most = 0;
    let now = 0;
    let best = 0;
    change.forEach((step, minute) => {
      now += step;
      if (now > most) [most, best] = [now, minute];
    });
    return best * 60;
  }
}

const empty = (count) => ({ count, at: -1, way: new Int32Array(count), from: new Float64Array(count), to: new Float64Array(count), load: new Int16Array(count) });

function find(from, count, time) {
  let low = -1;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle] <= time) low = middle;
    else high = middle;
  }
  return low;
}
export { BEYOND, LEG };
