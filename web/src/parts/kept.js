// What was promised and what was kept: the permit's conditions, promises of rides, trains and connections, costs of a ride.
import { allServices, anchor, kpiTable, value } from '../figures.js';
import { h, section, table } from '../page.js';
import { apart, figure, fromData, named, number, service, t, unitOf } from '../words.js';

const PROMISES = ['promises.kept', 'promises.declared', 'promises.rider_late', 'promises.called_off', 'promises.broken', 'margin_s.pickup.p10', 'margin_s.arrival.p10'];
const PUNCTUAL = ['punctual_share', 'punctual_share.train', 'punctual_share.tram', 'punctual_share.bus', 'cut_share', 'late_min.mean', 'delay_person_min', 'connections.made', 'connections.saved', 'connections.missed', 'connections.lost_min', 'laps.planned', 'laps.late_s.p90'];
const COST_PER_RIDE = ['operating_cost_eur_per_ride'];
const COST = ['operating_cost_eur'];
const SUBSIDY = ['subsidy_eur_per_ride'];
const OWN_TABLE = [/^permit\./, /^promises\./, /^punctual_share/, /^cut_share/, /^late_min/, /^delay_person_min/, /^connections\./, /^laps\./];
// Figures that stand here, not among the others of their service.
export const isKept = (id) => OWN_TABLE.some((rule) => rule.test(id.slice(id.indexOf('.') + 1)));

export function kept(content) {
  const parts = [permit(content), promises(content), punctual(content), costs(content)].flat(2).filter(Boolean);
  return section('kept', t('part.kept'), h('p', { class: 'lead' }, t('kept.lead')), parts.length ? parts : h('p', {}, t('kept.nothing')));
}

const names = (content) => Object.keys(allServices(content));
const known = (content, name, ids) => ids.map((id) => `${name}.${id}`).filter((id) => content.definitions[id]);

// One row a condition: what the day was like, what is allowed, and in how many of the runs it was kept.
function permit(content) {
  return names(content).map((name) => {
    const start = `${name}.permit.`;
    const conditions = Object.keys(content.definitions).filter((id) => id.startsWith(start) && id.endsWith('.kept')).map((id) => id.slice(0, -5));
    if (!conditions.length) return null;
    const columns = [{ title: t('col.condition') }];
    const sides = content.sides.map((_, at) => at).filter((at) => content.sides[at].kpis[`${conditions[0]}.kept`]);
    for (const at of sides) columns.push({ title: t('col.kept') }, { title: content.sides[at].label, number: true });
    columns.push({ title: t('col.allowed'), number: true });
    const rows = conditions.map((id) => [
      h('span', {}, t(`permit.${id.slice(start.length)}`), ' ', h('a', { class: 'id', href: `#${anchor(id)}`, 'data-open': 'figures' }, id)),
      ...sides.flatMap((at) => [verdict(content, at, `${id}.kept`), content.sides[at].kpis[id]?.[0] === null ? t('kept.norides') : value(content, at, id)]), value(content, sides[0], `${id}.limit`, true),
    ]);
    const about = content.sides[sides[0]].services[name].permit;
    return table(`${t('kept.permit')}: ${service(name, allServices(content))}${about?.title ? ` (${apart(fromData(about.title))})` : ''}`, columns, rows, { class: 'kpis permit', shown: true });
  });
}

function verdict(content, side, id) {
  const found = content.sides[side].kpis[id];
  if (!found || found[0] === null) return '–';
  const [share, , , runs] = found;
  const words = share === 1 ? t('kept.yes') : runs > 1 && share > 0 ? t('kept.some', { n: number(Math.round(share * runs)), of: runs }) : t('kept.no');
  return h('data', { class: share === 1 ? 'yes' : 'no', value: String(share), 'data-kpi': id, 'data-side': side }, `${share === 1 ? '✓' : '✕'} ${words}`);
}

function promises(content) {
  return names(content).map((name) => {
    const ids = known(content, name, PROMISES);
    return ids.length ? kpiTable(content, `${t('kept.promises')}: ${service(name, allServices(content))}`, ids) : null;
  });
}

function punctual(content) {
  return names(content).map((name) => {
    const ids = known(content, name, PUNCTUAL);
    return ids.length ? kpiTable(content, `${t('kept.punctual')}: ${service(name, allServices(content))}`, ids) : null;
  });
}

// One row a service and scenario: rides, what they cost the operator, what riders pay, what is left. What no KPI says is a
// quotient of two that stand in the row.
function costs(content) {
  const services = allServices(content);
  const rows = names(content).filter((name) => services[name].operated).flatMap((name) => content.sides.map((side, at) => {
    const id = (ids) => ids.map((one) => `${name}.${one}`).find((one) => side.kpis[one] && side.kpis[one][0] !== null);
    const rides = side.kpis[`${name}.rides`]?.[0];
    const perRide = id(COST_PER_RIDE);
    const whole = id(COST);
    if (!rides || (!perRide && !whole)) return null;
    const fare = (side.kpis[`${name}.revenue_eur`]?.[0] ?? 0) / rides;
    const cost = perRide ? side.kpis[perRide][0] : side.kpis[whole][0] / rides;
    const subsidy = id(SUBSIDY);
    const full = id(['full_cost_eur_per_ride']);
    return [service(name, services), side.label, value(content, at, `${name}.rides`, true), perRide ? value(content, at, perRide, true) : euros(cost), euros(fare),
      subsidy ? value(content, at, subsidy, true) : euros(cost - fare), full ? value(content, at, full, true) : '–'];
  })).filter(Boolean);
  if (!rows.length) return null;
  const money = `(${t('unit.EUR per ride')})`;
  return [table(t('kept.costs'), [{ title: t('col.service') }, { title: t('choose.scenario') }, { title: t('kpi.S.rides'), number: true }, { title: `${t('col.cost')} ${money}`, number: true }, { title: `${t('col.fare')} ${money}`, number: true }, { title: `${t('col.uncovered')} ${money}`, number: true }, { title: `${t('col.full')} ${money}`, number: true }], rows, { class: 'costs', shown: true }),
    h('p', { class: 'small' }, t('kept.costsnote'))];
}
const euros = (amount) => figure(amount, 'EUR per ride');
