// The languages of the page, and how figures are written in each.
import en from './words/en.js';
import fi from './words/fi.js';
import sv from './words/sv.js';
import { DATA, PATTERNS } from './words/data.js';
import { DEFINITIONS } from './words/definitions.js';

export const LANGUAGES = { en, fi, sv };
let words = en;
let code = 'en';

export function speak(language) {
  code = LANGUAGES[language] ? language : 'en';
  words = LANGUAGES[code];
}
export const language = () => code;

// A name written from the right stands apart from the words around it, which keep their order.
const FROM_RIGHT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
export const apart = (name) => (FROM_RIGHT.test(name) && name[0] !== '\u2068' ? `\u2068${name}\u2069` : name);

// t('key', {n: 3}): {n} is replaced; {n|one|many} chooses by number.
export function t(key, values = {}) {
  const text = words[key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) =>
    one === undefined ? apart(String(values[name] ?? whole)) : Number(String(values[name]).replace(/\D/g, '')) === 1 ? one : many);
}
const known = (key) => words[key] ?? (en[key] === undefined ? undefined : lacking(en[key]));

export function number(value, digits) {
  if (value === null || value === undefined || !Number.isFinite(value)) return t('missing');
  const most = digits ?? (Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 3);
  return new Intl.NumberFormat(words.locale, { maximumFractionDigits: most, minimumFractionDigits: digits ?? 0 }).format(value);
}
export const percent = (share, digits = 1) => `${number(share * 100, digits)}\u00a0%`;
export const level = (share) => `${number(share * 100, 0)} %`;
export const minutes = (seconds, digits = 1) => `${number(seconds / 60, digits)}\u00a0${t('unit.min')}`;
export const clock = (seconds) => {
  const whole = Math.floor(seconds / 60);
  return `${String(Math.floor(whole / 60)).padStart(2, '0')}${words === fi ? '.' : ':'}${String(whole % 60).padStart(2, '0')}`;
};

// A figure as a person reads it. Shares become percent, seconds minutes; the exact value stays in the page beside it.
export function figure(value, unit, digits) {
  if (value === null || value === undefined) return t('missing');
  if (isShare(unit)) return percent(value, digits);
  if (unit === 's') return minutes(value, digits);
  if (unit === 'm') return `${number(value / 1000, digits ?? 2)} km`;
  if (unit === 'EUR') return `${number(value, digits ?? (Math.abs(value) >= 1000 || value === 0 ? 0 : 2))}\u00a0€`;
  if (unit.startsWith('EUR per')) return number(value, digits ?? (Math.abs(value) >= 100 ? 0 : 2));
  return number(value, digits);
}
const isShare = (unit) => /^share of|^share$/.test(unit);
export function unitOf(unit) {
  if (isShare(unit) || unit === 's' || unit === 'm' || unit === 'EUR') return '';
  return known(`unit.${unit}`) ?? (/^(km|km\/h|kWh|kg|h|min)$/.test(unit) ? unit : lacking(unit));
}
export function change(value, unit, digits) {
  if (value === null || value === undefined) return t('missing');
  const size = Math.abs(value);
  const text = isShare(unit) ? `${number(size * 100, digits ?? (size < 0.001 && size > 0 ? 2 : 1))}\u00a0${t('points')}` : figure(size, unit, digits);
  const sign = !/[1-9]/.test(text) ? '±' : value > 0 ? '+' : '−';
  return `${sign}${text}`;
}

const UNIT_BEHIND = /\u00a0[^\d]*$/;
export const bare = (text) => text.replace(UNIT_BEHIND, '');
// Both ends of an interval with as many digits as its width deserves, so that rounding never makes a point of it.
export function interval(low, high, unit, write = change) {
  const width = Math.abs(high - low) * (isShare(unit) ? 100 : unit === 's' ? 1 / 60 : unit === 'm' ? 1 / 1000 : 1);
  const digits = width > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(width)), isShare(unit) ? 1 : 0), 15) : undefined;
  const [first, last] = [low, high].map((end) => write(end, unit, digits));
  const same = UNIT_BEHIND.exec(first)?.[0] === UNIT_BEHIND.exec(last)?.[0];
  return `${same ? bare(first) : first} … ${last}`;
}

export const mode = (name) => known(`mode.${name}`) ?? lacking(name.replaceAll('_', ' '));
// What an English text of the data is in the language of the page; what its catalogue lacks is named, so that a test lists it.
export const untranslated = new Set();
const lacking = (text) => {
  if (code !== 'en' && /[a-z]{2}/.test(text)) untranslated.add(text);
  return text;
};
const ENGLISH = /\b(station|centre|campus|north|south|east|west|of|the|and|without|with|square|school|hall|market|bridge)\b/i;
export function fromData(text, isName = false) {
  if (code === 'en' || !text) return text;
  const at = code === 'fi' ? 0 : 1;
  if (Object.hasOwn(DATA, text)) return DATA[text][at];
  const found = PATTERNS.find(([rule]) => rule.test(text));
  if (found) return found[at + 1].replace(/\$(\d)/g, (_, n) => apart(fromData(found[0].exec(text)[n] ?? '', true)));
  const [, base, rest] = /^(.*?)( \d+| \([\w.-]+\)(?: \d+)?)$/.exec(text) ?? [];
  if (base && Object.hasOwn(DATA, base)) return `${DATA[base][at]}${rest}`;
  return isName && !ENGLISH.test(text) ? text : lacking(text);
}
export const isTranslated = (text) => code !== 'en' && (Object.hasOwn(DATA, text) || PATTERNS.some(([rule]) => rule.test(text)));
// Several sentences, each by itself.
export const sentences = (text) => text.split(/(?<=\.)\s+(?=[A-Z])/).map((one) => fromData(one)).join(' ');
// Reasons of denied requests as the run declares them: label and sentence by language.
let reasons = {};
export function declareReasons(declared) {
  reasons = declared;
}
function ofReason(name, text) {
  const texts = Object.hasOwn(reasons, name) ? reasons[name][text] : {};
  const phrase = texts[code] ?? texts.en;
  return phrase && apart(phrase.replaceAll("'", '\u2019'));
}
// A reason as a sentence of `kera explain`, to follow a colon.
export const meaning = (name) => ofReason(name, 'sentence') ?? reason(name);
export const reason = (name) => ofReason(name, 'label') ?? lacking(name.replaceAll('_', ' '));
export const service = (name, services) => {
  const title = services?.[name]?.title;
  return title && title !== name ? title : known(`service.${name}`) ?? lacking(name.replaceAll('_', ' '));
};
export const population = (name) => known(`of.${name}`) ?? lacking(name);
export const part = (name) => known(`mode.${name}`) ?? ofReason(name, 'label') ?? known(`service.${name}`) ?? known(`part.${name}`) ?? placeOf(name) ?? lacking(name.replaceAll('_', ' '));
export const named = (key, fallback) => known(key) ?? fallback;
// A hub by its id, as figures carry it: the name of that place in the data.
let places = new Map();
export function declarePlaces(names) {
  places = new Map(names.map((name) => [name.toLowerCase().normalize('NFKD').replace(/[\u0300-\u036f]/g, '').replaceAll(/[^a-z0-9]+/g, '_'), name]));
}
const placeOf = (id) => (places.has(id) ? fromData(places.get(id), true) : undefined);

// What a figure is: the data's own sentence in English, else that of its id; `*` in a key is one word of the id.
export function definitionOf(id, english, services) {
  if (code === 'en') return english;
  const plain = id.split('@')[0];
  const pieces = plain.split('.');
  const key = services?.[pieces[0]] && pieces.length > 1 ? `S.${pieces.slice(1).join('.')}` : plain;
  const at = code === 'fi' ? 0 : 1;
  if (Object.hasOwn(DEFINITIONS, key)) return apart(DEFINITIONS[key][at]);
  for (const [pattern, texts] of Object.entries(DEFINITIONS)) {
    const [, ...found] = pattern.includes('*') ? new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '([^.]+)')}$`).exec(key) ?? [] : [];
    if (found.length) return apart(texts[at].replace(/\{(\d)\}/g, (_, n) => part(found[n])));
  }
  return lacking(english);
}

// The name of a KPI: by its id, else by a pattern with one free word (`mode_share.*`), else the id in plain words.
export function kpiName(id, services) {
  const plain = id.split('@')[0];
  const pieces = plain.split('.');
  const own = services && services[pieces[0]] && pieces.length > 1;
  const key = own ? `S.${pieces.slice(1).join('.')}` : plain;
  const exact = known(`kpi.${key}`);
  if (exact) return exact;
  const last = key.replace(/\.[^.]+$/, '.*');
  if (known(`kpi.${last}`)) return known(`kpi.${last}`).replace('{0}', part(key.split('.').pop()));
  const access = /^access\.(.+)_share_of_transit$/.exec(plain);
  if (access) return known('kpi.access.*_share_of_transit').replace('{0}', part(access[1]));
  const rest = (own ? pieces.slice(1) : pieces).join(' ').replaceAll('_', ' ');
  return lacking(rest.charAt(0).toUpperCase() + rest.slice(1));
}
