// Exploring an answer: which of its maps is shown, and what was asked of a place, an hour and a trip.
import { read, send } from './asking.js';
import { t } from './speech.js';
import { hasMoved } from './telling.js';

const ASK_MS = 1000;
export const VIEWS = ['question', 'happened', 'changed'];
export const fresh = (id) => ({ id, view: 'question', place: '', hour: '', day: 0, measure: '', happened: null, changed: null, people: null, story: null, remedy: null });

// What the page does when it explores; `doing` does one thing after the other, `draw` draws the page anew.
export function exploring(state, { doing, draw, fit, said, choose, edit }) {
  const of = (path, query = {}) => `/api/runs/${state.look.id}/${path}?${new URLSearchParams(query)}`;
  const trip = () => ({ day: state.look.day, trip: `${state.look.story.trip.person}:${state.look.story.trip.trip}` });
  async function people() {
    const { look } = state;
    look.story = look.remedy = null;
    look.people = await read(of('people', { day: look.day, place: look.place, hour: look.hour }));
  }
  async function sought(look) {
    const content = await read(of('remedy', trip()));
    if (look !== state.look || !look.story) return;
    look.remedy = content;
    draw();
    if (['waiting', 'running'].includes(content.state)) await later(look);
  }
  const later = (look) => new Promise((done) => { setTimeout(() => done(), ASK_MS); }).then(() => (look === state.look && look.story ? sought(look).catch(() => said(t('gone'), true)) : null));
  return {
    look: (view) => doing(async () => {
      const { look } = state;
      look.view = view;
      if (view !== 'question' && !look[view]) said(t('checking'));
      if (view === 'happened' && !look.happened) look.happened = await read(of('places'));
      if (view === 'happened' && !look.people) await people();
      if (view === 'changed' && !look.changed) {
        look.changed = await read(of('difference'));
        look.measure = (look.changed.measures.find(({ places }) => places.some(({ row }) => row)) ?? look.changed.measures[0])?.id ?? '';
      }
      said('');
      draw();
      fit();
    }),
    at: (where) => doing(async () => {
      Object.assign(state.look, where);
      await people();
      draw();
    }),
    measure: (id) => { state.look.measure = id; draw(); fit(); },
    story: (person, number) => doing(async () => {
      const { look } = state;
      look.story = await read(of('story', { day: look.day, trip: `${person}:${number}` }));
      look.remedy = look.story.failed ? await read(of('remedy', trip())) : null;
      draw();
      document.getElementById('story-title').focus();
      if (['waiting', 'running'].includes(look.remedy?.state)) later(look);
    }),
    seek: () => doing(async () => {
      const { look } = state;
      look.remedy = await send(of('remedy', trip()));
      draw();
      later(look);
    }),
    // The settings of a remedy become changes of the question that was run; each has its Undo on the left.
    apply: async (remedy) => {
      const { look } = state;
      const { question } = look.happened;
      if (state.view?.name !== question) await choose(question);
      const moved = hasMoved({ view: state.view, look });
      await edit({ set: Object.fromEntries(remedy.settings.map(({ key, value }) => [key, value])) }, `${t('cure.applied')}${moved ? ` (${t('cure.stale')})` : ''}`);
    },
  };
}
