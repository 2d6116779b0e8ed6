// Forbids what makes HTML, script or style of text: `node lint.js` for src/ and page/, `node lint.js FILE ...` for others.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';

const here = dirname(fileURLToPath(import.meta.url));
const NEVER = new Set(['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'createContextualFragment', 'parseFromString', 'setHTML', 'setHTMLUnsafe', 'parseHTMLUnsafe', 'srcdoc',
  'write', 'writeln', 'eval', 'Function', 'execScript', 'importScripts', 'insertRule', 'addAttribution', 'setPrefix', 'cssText']);
const ELEMENTS = new Set(['bindTooltip', 'bindPopup', 'setTooltipContent', 'setPopupContent', 'setContent', 'openPopup']); // Leaflet reads a string as HTML
const TIMERS = new Set(['setTimeout', 'setInterval']);
const HTML_OPTIONS = new Set(['html', 'attribution', 'extraCssText']);
const RUNNING = new Set(['eval', 'Function', 'execScript', 'importScripts']);
const LINKS = new Set(['href', 'src', 'action', 'style']);

const isFunction = (node) => node?.type === 'ArrowFunctionExpression' || node?.type === 'FunctionExpression';
const isElement = (node) => node?.type === 'CallExpression' && node.callee.name === 'h';
const returned = (node) => (isFunction(node) && node.body.type !== 'BlockStatement' ? node.body : null);
const nameOf = (node) => (node.type === 'Identifier' || node.type === 'PrivateIdentifier' ? node.name : node.type === 'Literal' ? String(node.value) : null);
const keys = (node) => new Map((node.properties ?? []).filter(({ key }) => key).map(({ key, value }) => [nameOf(key), value]));
const named = (node) => (node.type === 'MemberExpression' ? (node.computed && node.property.type !== 'Literal' ? null : nameOf(node.property)) : nameOf(node));

function fault(node, file) {
  if (node.type === 'MemberExpression' && NEVER.has(named(node))) return `${named(node)} makes HTML, script or style of text`;
  if (node.type === 'Property' && NEVER.has(nameOf(node.key))) return `${nameOf(node.key)} makes HTML, script or style of text`;
  if ((node.type === 'CallExpression' || node.type === 'NewExpression') && node.callee.type === 'Identifier' && RUNNING.has(node.callee.name)) return `${node.callee.name} runs text`;
  if (node.type === 'ImportExpression') return 'an import at run time asks for a file';
  if (node.type === 'Property' && HTML_OPTIONS.has(nameOf(node.key)) && !(node.value.type === 'Literal' && !/[<&]/.test(node.value.value))) return `option ${nameOf(node.key)}: expected a plain word, the library reads it as HTML`;
  if (node.type === 'Property' && nameOf(node.key) === 'tooltip' && keys(node.value).has('trigger') && !isFunction(keys(node.value).get('formatter'))) return 'tooltip: expected a formatter that returns elements, without one the library makes HTML';
  if (node.type !== 'CallExpression') return null;
  const [first, second] = node.arguments;
  const callee = named(node.callee);
  if (ELEMENTS.has(callee) && !isElement(first) && !isElement(returned(first))) return `${callee}: expected an element of h() or a function that returns one, a string is read as HTML`;
  if (TIMERS.has(callee) && !isFunction(first)) return `${callee}: expected a function, text is run`;
  if (/^setAttribute(NS)?$/.test(callee ?? '') && file !== 'src/page.js' && (first?.type !== 'Literal' || LINKS.has(first.value) || /^on/i.test(first.value))) return `${callee}: expected the name of an attribute that neither leads nor runs`;
  if (callee === 'createElement' && file !== 'src/page.js' && first?.type !== 'Literal') return 'createElement: expected a literal name';
  if (callee === 'h' && first?.type !== 'Literal') return 'h: expected a literal name of an element';
  if (callee === 'h' && /^(script|style|iframe|object|embed|base|meta|link|form)$/i.test(first.value)) return `h: no part of the page makes a <${first.value}>`;
  if (callee === 'h' && second?.type === 'ObjectExpression') for (const { key, value } of second.properties) if (key && /^on/.test(nameOf(key)) && value.type === 'Literal') return `${nameOf(key)}: expected a function, not text`;
  return null;
}

function* faults(node, file) {
  if (!node || typeof node.type !== 'string') return;
  const words = fault(node, file);
  if (words) yield `${file}:${node.loc.start.line}: ${words}`;
  for (const [key, value] of Object.entries(node)) if (key !== 'loc') for (const child of Array.isArray(value) ? value : [value]) if (child && typeof child === 'object') yield* faults(child, file);
}

const files = process.argv.length > 2 ? process.argv.slice(2) : ['src', 'page'].flatMap((folder) => readdirSync(join(here, folder), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => join(here, folder, name)));
const found = files.flatMap((file) => [...faults(parse(readFileSync(file, 'utf8'), { ecmaVersion: 'latest', sourceType: 'module', locations: true }), relative(here, file))]);
found.forEach((line) => console.log(line));
process.exitCode = found.length ? 1 : 0;
