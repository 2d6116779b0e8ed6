// The planner's page: what you change, the map, the answer, and the runs.
import '../src/policy.js';
import 'leaflet/dist/leaflet.css';
import './page.css';
import { h } from '../src/page.js';
import { answer, checks, compared, supply } from './answer.js';
import { read, send } from './asking.js';
import { changed, differenceCircles } from './changed.js';
import { beginning, differences, settings } from './change.js';
import { exploring, fresh, VIEWS } from './exploring.js';
import { circles, happened } from './happened.js';
import { QuestionMap } from './map.js';
import { placing } from './placing.js';
import { running, runs } from './runs.js';
import { cornered, moved } from './shapes.js';
import { language, languages, learn, speak, t } from './speech.js';

const PREVIEW_MS = 120;
const state = { open: {}, runs: [], chosen: new Set(), planner: true, view: null, answer: null, wrong: null };
const page = document.getElementById('page');
let map = null;

const said = (words, bad = false) => {
  const place = document.getElementById('said');
  place.textContent = words;
  place.className = bad ? 'wrong' : '';
};

// One change after the other: the next one knows the version that the last one made.
let last = Promise.resolve();
function doing(work) {
  last = last.then(async () => {
    page.setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (problem) {
      if (problem.status === 0 || problem.status === 401) said(t('gone'), true);
      else said(`${t('problem')}: ${problem.message}`, true);
      if (problem.status === undefined) throw problem;
    } finally {
      page.removeAttribute('aria-busy');
    }
  });
  return last;
}

const act = {
  create: (title, trials, kind) => doing(async () => {
    state.kind = kind;
    see(await send('/api/questions', { title, trials }));
    await list();
    draw();
    map.fitOwn();
    document.getElementById('title').focus();
  }),
  choose: (name) => doing(async () => {
    state.kind = null;
    state.answer = null;
    if (!name) { state.view = null; location.hash = ''; return draw(); }
    see(await read(`/api/questions/${name}`));
    await latest();
    draw();
    map.fitOwn();
  }),
  edit: (change, what = '') => doing(async () => {
    const { name, version } = state.view;
    state.wrong = null;
    try {
      see(await send(`/api/questions/${name}/edit`, { version, ...change }));
      said(t('saved', { what: what || state.view.title }));
    } catch (problem) {
      if (problem.status === 409) {
        see(await read(`/api/questions/${name}`));
        draw();
        return said(t('stale'), true);
      }
      if (problem.status !== 422) throw problem;
      const [[key, value] = []] = Object.entries(change.set ?? {});
      state.wrong = { key, value, words: problem.message };
      said(`${t('problem')}: ${problem.message}`, true);
    }
    if (change.title) await list();
    draw();
  }),
  upload: (file) => doing(async () => {
    see(await send('/api/upload', { title: file.name.replace(/\.ya?ml$/i, ''), yaml: await file.text() }));
    await list();
    draw();
  }),
  run: (ask) => doing(async () => {
    const order = await send('/api/orders', { question: state.view.name, ...ask });
    said(`${t('state.queued')}: ${order.title}`);
    state.awaited = order.id;
  }),
  apart: (id) => doing(async () => {
    const order = await send(`/api/runs/${id}/parts`);
    said(`${t('state.queued')}: ${order.title}`);
    state.awaited = order.id;
    state.runs = [order, ...state.runs];
    draw();
  }),
  cancel: (id) => doing(() => send(`/api/runs/${id}/cancel`)),
  note: (id, note) => doing(() => send(`/api/runs/${id}/note`, note)),
  show: (id) => doing(() => shown(id)),
  compare: (ids) => doing(async () => {
    if (ids.length < 2 || ids.length > 6) return said(t('compare.need'), true);
    document.getElementById('compared-place').replaceChildren(compared(await read(`/api/compare?runs=${ids.join(',')}`)));
    document.getElementById('compared-title').focus();
  }),
  exportChosen: (ids) => (ids.length < 2 || ids.length > 6 ? said(t('compare.need'), true) : act.open(`/api/export?runs=${ids.join(',')}`)),
  open: (path) => window.open(path, '_blank', 'noopener'),
  mode: (mode) => { state.mode = mode; draw(); },
  draw: (one, done) => {
    said(t(one ? 'map.clickplace' : 'map.click'));
    document.getElementById('drawing').hidden = false;
    document.getElementById('close-outline').hidden = one;
    map.draw(one, (shape) => { document.getElementById('drawing').hidden = true; done(shape); });
  },
};

Object.assign(act, exploring(state, { doing, said, draw: () => draw(), fit: () => (state.look?.view === 'question' ? map.fitOwn() : map.fitRound()), choose: (name) => act.choose(name), edit: (change, what) => act.edit(change, what) }));

async function shown(id) {
  state.answer = await read(`/api/runs/${id}/answer`);
  draw();
}

function see(view) {
  state.view = view;
  state.preview = null;
  location.hash = view.name;
}
async function list() {
  state.start.questions = (await read('/api/start')).questions;
}
// The answer of the latest run of the question that is done.
async function latest() {
  const run = state.runs.filter((one) => one.question === state.view?.name && one.state === 'done').sort((a, b) => b.number - a.number)[0];
  state.answer = run ? await read(`/api/runs/${run.id}/answer`) : null;
}

// What is dragged: the cost follows, and the question changes when the drag ends.
let previewing = null;
let wished = null;
function dragged(key, at, place, ended) {
  const { entries } = state.view.shapes[key];
  const value = Array.isArray(place) ? cornered(entries, at, place) : moved(entries, at, place);
  wished = ended ? null : { key, value };
  if (ended) act.edit({ set: { [key]: value } }, t(state.view.shapes[key].kind));
  else previewing ??= setTimeout(() => preview(), PREVIEW_MS);
}
async function preview() {
  const asked = wished;
  wished = null;
  if (asked) {
    const supplied = await send(`/api/questions/${state.view.name}/preview`, asked).catch(() => null);
    if (supplied) {
      state.preview = supplied;
      document.getElementById('supply').replaceWith(supply(state));
    }
  }
  previewing = wished ? setTimeout(() => preview(), PREVIEW_MS) : null;
}

function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter(Boolean));
}

// Everything but the map is drawn anew; the focus stays where it was.
function draw() {
  const focused = document.activeElement?.id;
  const caret = document.activeElement?.selectionStart;
  const { view } = state;
  fill('top', ...head());
  fill('left', ...(view ? [differences(state, act), settings(state, act)] : [beginning(state, act)]));
  if (state.look?.id !== state.answer?.id) state.look = state.answer ? fresh(state.answer.id) : null;
  fill('look', ...looks());
  fill('explored', state.look?.happened && state.look.view === 'happened' ? happened(state, act) : null, state.look?.view === 'changed' && state.look.changed ? changed(state, act) : null);
  fill('below-map', view ? placing(state, act) : null);
  fill('right', ...(view ? [checks(state), running(state, act), answer(state, act), supply(state)] : [h('p', { class: 'small' }, t('answer.none'))]));
  drawRuns();
  drawMap();
  if (state.wrong) state.wrong.value = undefined;
  const again = focused && document.getElementById(focused);
  if (again && again !== document.activeElement) {
    again.focus({ preventScroll: true });
    if (again.type === 'text' && caret !== null && caret !== undefined) again.setSelectionRange(caret, caret);
  }
}
// The map has the question, or the circles of its answer.
function drawMap() {
  const { look } = state;
  map.show(look && look.view !== 'question' ? {} : state.view?.shapes ?? {});
  const rounds = look?.view === 'happened' && look.happened ? circles(look) : look?.view === 'changed' && look.changed ? differenceCircles(look) : [];
  map.round(rounds, look?.view === 'happened' ? (place) => act.at({ place: place === look.place ? '' : place }) : null);
}
function looks() {
  document.getElementById('map-help').textContent = t(state.look?.view === 'happened' ? 'look.help' : 'map.help');
  document.getElementById('map-help').hidden = state.look?.view === 'changed';
  return state.look ? [h('div', { class: 'looks', role: 'group', 'aria-label': t('look') }, VIEWS.map((name) =>
    h('button', { id: `look-${name}`, 'aria-pressed': name === state.look.view ? 'true' : 'false', onclick: () => act.look(name) }, t(`look.${name}`))))] : [];
}
function drawRuns() {
  const busy = document.activeElement?.classList.contains('note');
  if (busy) return; // a note is being written; the next change shows the rest
  const focused = document.activeElement?.id;
  fill('below', runs(state, act));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function head() {
  const { start, view } = state;
  const select = h('select', { id: 'question', onchange: (event) => act.choose(event.target.value) },
    h('option', { value: '' }, t('new')), start.questions.map(({ name, title }) => h('option', { value: name, selected: name === view?.name }, title)));
  select.value = view?.name ?? '';
  return [
    h('div', {}, h('h1', {}, t('app')), h('p', {}, `${state.area.title}. ${t('tagline')}`)),
    h('div', { class: 'tools' }, h('div', { class: 'inline' }, h('label', { for: 'question' }, t('question')), select),
      h('div', { class: 'languages', role: 'group', 'aria-label': t('language.head') }, languages().map(([code, name]) =>
        h('button', { lang: code, id: `language-${code}`, 'aria-pressed': code === language() ? 'true' : 'false', onclick: () => { speak(code); draw(); frame(); } }, name)))),
  ];
}

// The words of the parts that stay.
function frame() {
  document.getElementById('skip').textContent = t('skip');
  document.getElementById('map-title').textContent = t('map');
  document.getElementById('close-outline').textContent = t('map.done');
  document.getElementById('stop-drawing').textContent = t('map.cancel');
}

function listen() {
  const events = new EventSource('/api/events');
  events.onmessage = (event) => {
    const before = new Map(state.runs.map((run) => [run.id, run.state]));
    state.runs = JSON.parse(event.data);
    drawRuns();
    for (const run of state.runs) {
      if (run.of && before.has(run.id) && before.get(run.id) !== run.state) document.getElementById('answer')?.replaceWith(answer(state, act));
      if (run.state === 'done' && before.get(run.id) !== 'done' && (run.id === state.awaited || (before.size && run.question === state.view?.name))) doing(() => shown(run.id));
    }
  };
  events.onopen = () => document.getElementById('said').classList.contains('gone') && said('');
  events.onerror = () => { said(t('gone'), true); document.getElementById('said').classList.add('gone'); };
}

async function begin() {
  const [start, area, listed] = await Promise.all([read('/api/start'), read('/api/area'), read('/api/runs')]);
  Object.assign(state, { start, area, runs: listed, planner: start.role === 'planner' });
  learn(start.words);
  page.replaceChildren(
    h('a', { class: 'skip', id: 'skip', href: '#left' }),
    h('header', { id: 'top' }),
    h('p', { id: 'said', role: 'status' }),
    h('main', { class: 'screen' },
      h('div', { id: 'left', tabindex: '-1' }),
      h('div', { id: 'middle' }, h('section', { 'aria-labelledby': 'map-title' }, h('h2', { id: 'map-title' }), h('div', { id: 'look' }), h('p', { class: 'small', id: 'map-help' }),
        h('div', { id: 'drawing', class: 'inline', hidden: true }, h('button', { id: 'close-outline', class: 'strong', onclick: () => map.finish() }), h('button', { id: 'stop-drawing', onclick: stopDrawing })),
        h('div', { id: 'map', role: 'application', 'aria-labelledby': 'map-title' }), h('p', { class: 'small', id: 'sources' }, area.attribution)), h('div', { id: 'explored' }), h('div', { id: 'below-map' })),
      h('div', { id: 'right' }),
      h('div', { id: 'below-all' }, h('div', { id: 'compared-place' }), h('div', { id: 'below' }))));
  map = new QuestionMap(document.getElementById('map'), area, dragged);
  state.onMap = (spot) => map.holds(spot);
  document.addEventListener('keydown', (event) => event.key === 'Escape' && stopDrawing());
  frame();
  if (!state.planner) said(t('viewer'));
  const asked = location.hash.slice(1);
  if (start.questions.some(({ name }) => name === asked)) await act.choose(asked);
  else draw();
  listen();
  page.dataset.ready = 'yes';
}
function stopDrawing() {
  map.cancel();
  document.getElementById('drawing').hidden = true;
}

begin();
