// The left side: where a question begins, what is different from the base, and the settings.
import { h, more } from '../src/page.js';
import { has, language, t, told, unit as unitOf, written } from './speech.js';

export function beginning(state, act) {
  const titled = h('input', { id: 'start-title', type: 'text', maxlength: '120', autocomplete: 'off', placeholder: t('start.title.example') });
  const kinds = ['service', 'timetable', 'stops'].map((kind, at) =>
    h('label', { class: 'pick' }, h('input', { type: 'radio', name: 'start-kind', value: kind, checked: !at, id: `start-${kind}` }), t(`start.${kind}`)));
  const trials = state.start.trials.map((trial) =>
    h('label', { class: 'pick' }, h('input', { type: 'checkbox', name: 'start-trial', value: trial.name, id: `trial-${trial.name}` }), trial.title));
  const begin = () => {
    const chosen = [...document.querySelectorAll('input[name=start-trial]:checked')].map((box) => box.value);
    const kind = document.querySelector('input[name=start-kind]:checked').value;
    act.create(titled.value || t('start.title.example'), kind === 'service' ? chosen : [], kind);
  };
  titled.addEventListener('keydown', (event) => event.key === 'Enter' && begin());
  return h('section', { id: 'begin', 'aria-labelledby': 'begin-title' },
    h('h2', { id: 'begin-title' }, t('start.head')),
    h('div', { class: 'field wide' }, h('label', { for: 'start-title' }, t('start.title')), titled),
    h('fieldset', {}, h('legend', {}, t('start.kind')), kinds),
    h('fieldset', {}, h('legend', {}, t('start.trials')), trials.length ? trials : h('p', { class: 'small' }, t('start.none'))),
    h('button', { id: 'start-begin', class: 'strong', disabled: !state.planner, onclick: begin }, t('start.begin')),
    more(t('upload'), h('label', { for: 'upload', class: 'small' }, t('upload.help')),
      h('input', { id: 'upload', type: 'file', accept: '.yaml,.yml', onchange: async (event) => act.upload(event.target.files[0]) })));
}

export function differences(state, act) {
  const { view } = state;
  const rows = view.layers.map((layer) => row(t('adds', { what: layer.title }), '', () => act.edit({ drop: [layer.name] }), layer.title));
  for (const change of view.changes) {
    const label = name(change, view);
    rows.push(row(`${label}: ${short(change.value, change.unit)}`, t('was', { value: short(change.before, change.unit) }), () => act.edit({ unset: [change.key] }), label));
  }
  const free = state.start.trials.filter((trial) => !view.layers.some((layer) => layer.name === trial.name));
  const select = h('select', { id: 'add-trial' }, free.map((trial) => h('option', { value: trial.name }, trial.title)));
  return h('section', { id: 'changes', 'aria-labelledby': 'changes-title' },
    h('h2', { id: 'changes-title' }, t('changes', { base: state.start.base.title })),
    h('div', { class: 'field wide' }, h('label', { for: 'title' }, t('rename')),
      h('input', { id: 'title', type: 'text', maxlength: '120', value: view.title, autocomplete: 'off', onchange: (event) => act.edit({ title: event.target.value }) })),
    rows.length ? h('ul', { class: 'changes' }, rows) : h('p', { class: 'small' }, t('changes.none')),
    free.length ? h('div', { class: 'inline' }, h('label', { for: 'add-trial' }, t('add.service')), select, h('button', { id: 'add-trial-go', onclick: () => act.edit({ add: [select.value] }) }, t('add'))) : null,
    h('a', { id: 'save-yaml', href: `#yaml`, onclick: (event) => { event.preventDefault(); act.open(`/api/questions/${view.name}/yaml`); } }, t('save.yaml')));
}

function row(text, before, undo, what) {
  return h('li', {}, h('span', {}, text, before ? h('span', { class: 'small' }, ` (${before})`) : null),
    h('button', { class: 'quiet', 'aria-label': t('undo.of', { what }), onclick: undo }, t('undo')));
}

function short(value, unit) {
  if (value === null || value === undefined) return t('absent');
  if (value.entries !== undefined) return t('entries', { n: value.entries });
  return value === 'True' ? t('yes') : value === 'False' ? t('no') : `${written(value)}${unit ? ` ${unitOf(unit)}` : ''}`;
}

function name(change, view) {
  const part = change.key.split('.').pop();
  if (has(part) && !has(`fig.${part}`)) return t(part);
  return change.label[language()] ?? change.key;
}

export const serviceName = (form) => (has(`kind.${form.kind}`) ? t(`kind.${form.kind}`) : form.title) + (form.title && form.title !== form.service && form.kind !== 'scenario' ? ` (${form.title})` : '');

export function settings(state, act) {
  const order = (form) => ({ scooter: 0, shuttle: 0, on_demand: 0, transit: 1, scenario: 3 })[form.kind] ?? 2;
  const shown = [...state.view.forms].sort((a, b) => order(a) - order(b));
  return h('section', { id: 'settings', 'aria-labelledby': 'settings-title' }, h('h2', { id: 'settings-title' }, t('settings')), shown.map((form) => service(form, state, act)));
}

function service(form, state, act) {
  const id = `form-${form.service || 'scenario'}`;
  const others = h('details', { class: 'others', id: `${id}-others` }, h('summary', {}, t('settings.more', { what: serviceName(form), n: form.others.length })));
  const fill = () => others.open && others.children.length < 2 && others.append(...form.others.map((field) => input(field, state, act)));
  others.addEventListener('toggle', () => { state.open[others.id] = others.open; fill(); });
  if (state.open[others.id]) { others.open = true; fill(); }
  const box = h('details', { id, class: 'service' }, h('summary', {}, serviceName(form)), form.fields.map((field) => input(field, state, act)), others);
  box.addEventListener('toggle', (event) => event.target === box && (state.open[id] = box.open));
  const fresh = !state.start.lines[form.service] && form.service;
  box.open = state.open[id] ?? (matchMedia('(min-width: 1100px)').matches && Boolean(fresh || (state.kind === 'timetable' && form.kind === 'transit')));
  return box;
}

function input(field, state, act) {
  const id = `field-${field.key}`;
  const label = field.label?.[language()] ?? field.key;
  const commit = (value) => act.edit({ set: { [field.key]: value } }, label);
  const wrong = state.wrong?.key === field.key ? state.wrong : null;
  let control;
  if (field.form === 'flag' || field.choices.length) {
    const options = field.form === 'flag' ? [['true', t('yes')], ['false', t('no')]] : field.choices.map((choice) => [choice, has(`choice.${choice}`) ? t(`choice.${choice}`) : choice.replaceAll('_', ' ')]);
    control = h('select', { id, onchange: (event) => commit(event.target.value) }, options.map(([value, text]) => h('option', { value, selected: value === field.value }, text)));
    control.value = field.value;
  } else {
    control = h('input', { id, type: 'text', value: wrong ? wrong.value : written(field.value), autocomplete: 'off', inputmode: field.form === 'number' ? 'decimal' : 'text', 'aria-invalid': wrong ? 'true' : null, 'aria-describedby': `${id}-about`,
      onchange: (event) => commit(event.target.value) });
  }
  if (!state.planner) control.disabled = true;
  const bounds = field.least !== null && field.most !== null ? t('bounds', { least: written(field.least), most: written(field.most) }) : '';
  return h('div', { class: 'field' },
    h('label', { for: id }, label, field.unit ? h('span', { class: 'unit' }, ` ${unitOf(field.unit)}`) : null),
    control,
    h('div', { class: 'about', id: `${id}-about` }, wrong ? h('p', { class: 'wrong' }, wrong.words) : null,
      bounds ? h('span', { class: 'small' }, bounds) : null, field.assumption ? h('span', { class: 'badge' }, t('assumption')) : null,
      field.basis.en ? h('details', { class: 'basis' }, h('summary', { class: 'small', 'aria-label': `${t('basis')}: ${label}` }, t('basis')), h('p', { class: 'small' }, told(field.basis))) : null));
}
