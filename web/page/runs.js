// Below: the queue and the library of runs.
import { h } from '../src/page.js';
import { measured } from './deciding.js';
import { number, t, time } from './speech.js';

const FIGURES = [['sustainable_share', 'pp'], ['mode_share.car', 'pp'], ['door_to_door_s.mean', '']];

export function running(state, act) {
  const mode = state.mode ?? 'look';
  const picks = ['look', 'decide', 'doubt'].map((name) => h('label', { class: 'pick' },
    h('input', { type: 'radio', name: 'mode', id: `mode-${name}`, value: name, checked: name === mode, onchange: () => act.mode(name) }), t(`run.${name}`)));
  const more = {
    look: () => [],
    decide: () => [
      h('div', { class: 'field' }, h('label', { for: 'figure' }, t('run.figure')), h('select', { id: 'figure' }, FIGURES.map(([id]) => h('option', { value: id }, t(`fig.${id}`))))),
      h('div', { class: 'field' }, h('label', { for: 'width' }, t('run.width'), h('span', { class: 'unit' }, ` ${t('points')} / s`)), h('input', { id: 'width', type: 'text', value: '0.5', inputmode: 'decimal' })),
      h('div', { class: 'field' }, h('label', { for: 'days' }, t('run.days')), h('input', { id: 'days', type: 'number', min: '5', max: '40', value: '20' }))],
    doubt: () => [h('div', { class: 'field' }, h('label', { for: 'draws' }, t('run.draws')), h('input', { id: 'draws', type: 'number', min: '2', max: '40', value: '8' }))],
  }[mode]();
  const go = () => {
    const of = (id) => document.getElementById(id).value;
    const unit = mode === 'decide' ? FIGURES.find(([id]) => id === of('figure'))[1] : '';
    act.run(mode === 'decide' ? { mode, until: `${of('figure')} ${of('width').replace(',', '.')}${unit}`, days: Number(of('days')) } : mode === 'doubt' ? { mode, draws: Number(of('draws')) } : { mode });
  };
  return h('section', { id: 'run', 'aria-labelledby': 'run-title' }, h('h2', { id: 'run-title' }, t('run.head')),
    h('fieldset', {}, h('legend', { class: 'unseen' }, t('run.head')), picks), more,
    h('p', { class: 'small' }, t(`run.${mode}.help`)), measured(state),
    h('button', { id: 'run-go', class: 'strong', disabled: !state.planner || state.view.faults.length > 0, onclick: go }, t('run.start')));
}

export function runs(state, act) {
  const done = state.runs.filter((run) => run.state === 'done' && !run.of);
  return h('section', { id: 'runs', 'aria-labelledby': 'runs-title' }, h('h2', { id: 'runs-title' }, t('runs')),
    state.runs.length ? h('ul', { class: 'runs' }, state.runs.map((run) => one(run, state, act))) : h('p', { class: 'small' }, t('runs.none')),
    done.length > 1 ? h('div', { class: 'inline' }, h('button', { id: 'compare-go', onclick: () => act.compare([...state.chosen]) }, t('compare.go')), h('button', { id: 'export-go', class: 'quiet', onclick: () => act.exportChosen([...state.chosen]) }, t('export.chosen')), h('span', { class: 'small' }, t('compare.need'))) : null);
}

function one(run, state, act) {
  const what = `${run.title} (${run.id})`;
  const { progress } = run;
  const left = progress.left_s === null || progress.left_s === undefined ? '' : t('left', { time: time(progress.left_s) });
  const is = (name) => run.state === name;
  return h('li', { id: `run-${run.id}`, class: run.pinned ? 'pinned' : null, 'data-state': run.state },
    h('div', { class: 'what' }, h('strong', {}, run.title), h('span', { class: 'small' }, ` ${t(`mode.${run.ask.mode}`)}, ${new Date(run.ordered_s * 1000).toLocaleString(t('locale'), { dateStyle: 'short', timeStyle: 'short' })}`),
      h('span', { class: `state ${run.state}` }, t(`state.${run.state}`)),
      is('running') && progress.step ? h('span', { class: 'progress' },
        h('progress', { max: '1', value: progress.part ?? 0, 'aria-label': `${what}: ${t(`step.${progress.step}`)}` }),
        h('span', { class: 'small' }, ` ${t(`step.${progress.step}`)}${progress.stage ? `: ${t(`stage.${progress.stage.split(' ')[0]}`)}` : ''}${progress.planned > 1 ? `, ${t('days.done', progress)}` : ''} ${number((progress.part ?? 0) * 100, 0)} % ${left}`)) : null,
      run.problem ? h('p', { class: 'wrong', lang: 'en' }, run.problem) : null),
    h('div', { class: 'buttons' },
      is('running') || is('queued') ? h('button', { class: 'quiet', id: `cancel-${run.id}`, disabled: !state.planner, 'aria-label': t('cancel.of', { what }), onclick: () => act.cancel(run.id) }, t('cancel')) : null,
      is('done') ? [h('button', { class: 'quiet', id: `show-${run.id}`, 'aria-label': t('show.of', { what }), onclick: () => act.show(run.id) }, t('show')),
        run.of ? null : link('report', run, what, act), link('export', run, what, act)] : null,
      link('yaml', run, what, act),
      h('label', { class: 'pick small' }, h('input', { type: 'checkbox', id: `pin-${run.id}`, checked: run.pinned, disabled: !state.planner, 'aria-label': t('pin.of', { what }), onchange: (event) => act.note(run.id, { pinned: event.target.checked }) }), t('pin')),
      is('done') && !run.of ? h('label', { class: 'pick small' }, h('input', { type: 'checkbox', id: `compare-${run.id}`, checked: state.chosen.has(run.id), 'aria-label': t('compare.of', { what }), onchange: (event) => (event.target.checked ? state.chosen.add(run.id) : state.chosen.delete(run.id)) }), t('compare')) : null,
      h('input', { type: 'text', class: 'note', id: `note-${run.id}`, value: run.note, maxlength: '2000', disabled: !state.planner, placeholder: t('note'), 'aria-label': t('note.of', { what }), onchange: (event) => act.note(run.id, { note: event.target.value }) })));
}

function link(kind, run, what, act) {
  return h('a', { class: 'quiet', id: `${kind}-${run.id}`, href: `#${kind}-${run.id}`, 'aria-label': `${t(kind)}: ${what}`, onclick: (event) => { event.preventDefault(); act.open(`/api/runs/${run.id}/${kind}`); } }, t(kind));
}
