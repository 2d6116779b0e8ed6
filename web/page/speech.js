// The page's words, and how figures are written in each language.
import { h } from '../src/page.js';
import { speak as speakOfData } from '../src/words.js'; // names of places, services, modes and purposes, as the report has them

let words = {};
let code = 'en';

export function learn(all) {
  words = all;
  const asked = [localStorage.getItem('language'), ...navigator.languages.map((name) => name.slice(0, 2))];
  speak(asked.find((name) => all[name]) ?? 'en');
}
export function speak(language) {
  code = language;
  speakOfData(language);
  localStorage.setItem('language', language);
  document.documentElement.lang = language;
}
export const language = () => code;
export const languages = () => Object.entries(words).map(([name, of]) => [name, of.language]);
export const has = (key) => key in words.en;
export const t = (key, values = {}) => (words[code][key] ?? words.en[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));

export function number(value, digits) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const most = digits ?? (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return new Intl.NumberFormat(t('locale'), { maximumFractionDigits: most }).format(value);
}
// A figure that is not zero is never written as 0: it gets the digits that its size needs, three at most.
const MOST_DIGITS = 3;
export function nonzero(value, digits = 0) {
  if (!value || !Number.isFinite(value)) return number(value, digits);
  const least = 10 ** -MOST_DIGITS;
  if (Math.abs(value) < least) return `${value < 0 ? '−' : ''}<${number(least, MOST_DIGITS)}`;
  return number(value, Math.min(Math.max(digits, -Math.floor(Math.log10(Math.abs(value)))), MOST_DIGITS));
}
// A text of the model in the language of the page; else the English that it is, and marked so.
export const told = (texts) => h('span', { lang: texts[code] ? null : 'en' }, texts[code] ?? texts.en);
export const euros = (value) => `${number(value, Math.abs(value) >= 100 ? 0 : 2)} €`;
// A value of a field as the server writes it, with the comma of the language.
export const written = (text) => (typeof text === 'string' && /^-?\d+\.\d+( %| min| s)?$/.test(text) ? text.replace('.', t('comma')) : text);

export function figure(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit.startsWith('share')) return `${number(value * 100, 1)} %`;
  if (unit === 's') return `${number(value / 60, 1)} min`;
  return unit.startsWith('EUR') ? euros(value) : number(value);
}
export function change(value, unit) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  const text = unit.startsWith('share') ? `${number(size * 100, 2)} ${t('points')}` : unit === 's' ? `${number(size, 1)} s` : figure(size, unit);
  return `${!/[1-9]/.test(text) ? '±' : value < 0 ? '−' : '+'}${text}`;
}
// A unit in the language of the page; euros by their sign.
export const unit = (name) => (has(`unit.${name}`) ? t(`unit.${name}`) : name.replace('EUR', '€'));
export const size = (value, unit) => change(value, unit).slice(1);
export const time = (seconds) => (seconds < 100 ? `${number(seconds, 0)} s` : `${number(seconds / 60, 0)} min`);
