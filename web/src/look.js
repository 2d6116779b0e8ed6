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
  { upto: 5, colour: '#440154' }, { upto: 10, colour: '#3b528b' }, { upto: 15, colour: '#21918c' },
  { upto: 20, colour: '#5ec962' }, { upto: Infinity, colour: '#fde725' },
];
// Codes of the map by what else than colour tells them apart; those of one group with equal marks must differ in colour.
export const CODES = {
  people: [['walk', 'dot'], ['bicycle', 'triangle'], ['car', 'square']].map(([name, mark]) => ({ name, mark, colour: COLOUR[name] })),
  bands: BANDS.map((one, at) => ({ name: String(at), mark: '', colour: one.colour })),
  charge: [['high', 'full'], ['middle', 'half'], ['low', 'empty']].map(([name, mark]) => ({ name, mark, colour: '#1c2b39' })),
  modes: Object.entries(COLOUR).map(([name, colour], at) => ({ name, mark: `pattern ${at % 6}`, colour })),
};
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
