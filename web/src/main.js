// The page: sections from the content, one language at a time, one map.
import './policy.js';
import 'leaflet/dist/leaflet.css';
import './style.css';
import { drawCharts, fitCharts, forgetCharts } from './charts.js';
import { nameContent, readContent } from './content.js';
import { CODES } from './look.js';
import { h } from './page.js';
import { figures, sources, sure } from './parts/margins.js';
import { happened } from './parts/happened.js';
import { headline } from './parts/headline.js';
import { kept } from './parts/kept.js';
import { MapPart } from './parts/map.js';
import { climate, services, times } from './parts/times.js';
import { travel } from './parts/travel.js';
import { who } from './parts/who.js';
import { reliability } from './parts/why.js';
import { LANGUAGES, declareReasons, fromData, interval, language, number, speak, t, untranslated } from './words.js';

const PARTS = { headline, travel, times, happened, reliability, kept, services, climate, who, map: null, sure, sources, figures };
const PRINTED_PX = 680; // A4 between its margins
const content = readContent();
declareReasons(content.reasons);
const state = { population: 'residents', side: content.sides.length - 1 };
const map = new MapPart(content);
const page = document.getElementById('page');

function part(name) {
  return name === 'map' ? map.section() : PARTS[name](content, state, redraw);
}

function redraw(name) {
  const old = document.getElementById(name);
  const focused = document.activeElement?.id;
  const open = [...old.querySelectorAll('details')].map((one) => one.open);
  const fresh = part(name);
  old.replaceWith(fresh);
  fresh.querySelectorAll('details').forEach((one, at) => { one.open = Boolean(open[at]); });
  drawCharts();
  if (name === 'map') map.start();
  if (focused) document.getElementById(focused)?.focus();
}
map.redraw = () => redraw('map');
state.jump = (side, time) => map.jump(side, time);

function draw() {
  nameContent(content);
  map.forgetNames();
  document.documentElement.lang = language();
  document.title = content.sides.map((side) => side.label).join(' / ');
  forgetCharts();
  const names = Object.keys(PARTS);
  const area = content.areas[content.sides[0].area].about;
  const buttons = Object.entries(LANGUAGES).map(([code, words]) =>
    h('button', { type: 'button', id: `language-${code}`, lang: code, 'aria-pressed': String(code === language()), onclick: () => choose(code) }, words.language));
  const runs = content.sides.map((side, at) => h('li', {}, h('strong', {}, side.label), at === 0 && content.sides.length > 1 ? ` (${t('page.reference')})` : '', ': ',
    t('page.runs', { n: number(side.runs.length) }), ', ', t('page.people', { n: number(Object.values(side.people).reduce((sum, n) => sum + n, 0)), trips: number(side.runs[0].person_trips) })));
  const sections = names.map(part);
  page.replaceChildren(
    h('a', { class: 'skip', href: '#headline' }, t('page.skip')),
    h('header', { class: 'top' }, h('div', { class: 'inner' },
      h('div', { class: 'languages', role: 'group', 'aria-label': t('page.languages') }, buttons),
      h('p', { class: 'where' }, fromData(area.title ?? area.name ?? '', true)), h('h1', {}, content.sides.length > 1 ? content.sides[content.sides.length - 1].label : content.sides[0].label),
      h('p', {}, t('page.lead')), h('ul', { class: 'runs' }, runs), h('button', { type: 'button', class: 'print', onclick: () => window.print() }, t('page.print')))),
    h('nav', { 'aria-label': t('page.contents') }, h('ul', {}, names.map((name) => h('li', {}, h('a', { href: `#${name}` }, t(`nav.${name}`)))))),
    h('main', {}, sections));
  drawCharts();
  map.start();
}

function choose(code) {
  const top = window.scrollY;
  speak(code);
  draw();
  window.scrollTo(0, top);
  document.getElementById(`language-${code}`).focus({ preventScroll: true });
}

// A link to a definition opens the folded table that holds it.
page.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-open]');
  if (!link) return;
  const all = document.getElementById('figures-all');
  if (all) all.open = true;
});
let fitting = null;
window.addEventListener('resize', () => {
  clearTimeout(fitting);
  fitting = setTimeout(() => fitCharts(), 150);
});
window.addEventListener('beforeprint', () => {
  map.pause();
  fitCharts(PRINTED_PX);
  map.fitForPrint(true);
});
window.addEventListener('afterprint', () => {
  fitCharts();
  map.fitForPrint(false);
});

speak((navigator.language || 'en').slice(0, 2));
draw();
// For whoever measures: how long the last frames took, and the parts that make them.
window.keraReport = { content, map, interval, codes: CODES, untranslated, get costs() { return map.moving ? map.moving.costs : []; } };
