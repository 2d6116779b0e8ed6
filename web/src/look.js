// Colours and shapes: one of each for every mode, so that colour is never alone. Okabe and Ito's palette.
export const COLOUR = {
  walk: '#009E73', bicycle: '#56B4E9', transit: '#0072B2', shuttle: '#CC79A7', on_demand: '#C9B400', scooter: '#E69F00', bicycle_share: '#117A65',
  car: '#D55E00', none: '#595959',
};
const SPARE = ['#882255', '#44AA99', '#999933', '#332288'];
export const STACK = ['walk', 'bicycle', 'bicycle_share', 'transit', 'shuttle', 'on_demand', 'scooter', 'car'];
export const DASH = ['solid', 'dashed', 'dotted'];
export const SIDE_COLOUR = ['#33475b', '#0b6fb8', '#b3471d', '#6b4fa0', '#2c7a4b', '#8a6d00'];
export const BANDS = [
  { upto: 5, colour: '#440154' }, { upto: 10, colour: '#31688e' }, { upto: 15, colour: '#35b779' },
  { upto: 20, colour: '#b5de2b' }, { upto: Infinity, colour: '#f2c14e' },
];
const MARKS = ['circle', 'rect', 'triangle', 'diamond'];

export function modeColour(mode, modes = []) {
  if (COLOUR[mode]) return COLOUR[mode];
  const strange = modes.filter((other) => !COLOUR[other]);
  return SPARE[Math.max(0, strange.indexOf(mode)) % SPARE.length];
}
export const inStack = (modes) => [...STACK.filter((mode) => modes.includes(mode)), ...modes.filter((mode) => !STACK.includes(mode))];
export const mark = (at) => MARKS[at % MARKS.length];
export const band = (minutes) => BANDS.find((one) => minutes <= one.upto) ?? BANDS[BANDS.length - 1];
export const bandName = (at) => (at === BANDS.length - 1 ? `> ${BANDS[at - 1].upto}` : `${at ? BANDS[at - 1].upto : 0}–${BANDS[at].upto}`);
